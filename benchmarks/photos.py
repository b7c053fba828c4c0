"""The real photographs that scikit-image and scikit-learn bundle, as the test material of every figure."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO

from PIL import Image

_PHOTOS = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/retina.jpg"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)


def photos() -> dict[str, Image.Image]:
    """Return each bundled photograph in mode RGB by its name; 427 to 1411 pixels wide."""
    return {path.rsplit("/", 1)[1]: _opened(package, path) for package, path in _PHOTOS}


def as_jpeg(image: Image.Image, *, quality: int = 92, progressive: bool = False) -> bytes:
    """Return `image` as the bytes of a JPEG with 4:2:0 sampling."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality, progressive=progressive)
    return buffer.getvalue()


def _opened(package: str, path: str) -> Image.Image:
    with Image.open(BytesIO(files(package).joinpath(path).read_bytes())) as image:
        return image.convert("RGB")
