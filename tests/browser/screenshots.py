"""Takes the pictures of docs/images/dashboard: `python -m tests.browser.screenshots http://127.0.0.1:4300`.

The dashboard there should show the demonstration set after `make demo-all`, with a build at work for the first page.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.chromium import WITHOUT, chromium_path, started_chromium
from tests.browser.pages import DEVICES, Device, Scheme

PLACE = Path(__file__).parents[2] / "docs" / "images" / "dashboard"
VIEWS = {
    "runs": "/",
    "datasets": "/datasets",
    "dataset": "/datasets/demo",
    "rows": "/datasets/demo/1/rows",
    "pair": "/datasets/demo-small-lesson/1/rows/2",
    "words": "/words?word=golden+retriever",
    "models": "/models",
    "superres": "/models/superres",
    "gan": "/models/gan",
    "search": "/search?q=flower",
    "disks": "/disks",
}
TAKEN: tuple[Device, ...] = ("desktop", "phone")
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
QUALITY = 86
"""Of WebP: letters stay sharp, and a page takes 40 KB."""
FRAME = (120, 128, 130)
HEAD = ("rows-desktop-light", "superres-desktop-dark")


def main() -> None:
    """Take all pictures."""
    path = chromium_path()
    if path is None:
        raise SystemExit(WITHOUT)
    PLACE.mkdir(parents=True, exist_ok=True)
    with started_chromium(path) as chromium, chromium.awake() as browser:
        for device in TAKEN:
            for scheme in SCHEMES:
                _take(browser, sys.argv[1], device, scheme)
    _draw_head()


def _take(browser: Browser, server: str, device: Device, scheme: Scheme) -> None:
    options = {**DEVICES[device], "device_scale_factor": 1}
    context = browser.new_context(base_url=server, color_scheme=scheme, reduced_motion="reduce", **options)
    page = context.new_page()
    for name, address in VIEWS.items():
        page.goto(address)
        _settle(page)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.save(PLACE / f"{name}-{device}-{scheme}.webp", quality=QUALITY, method=6)
    context.close()


def _settle(page: Page) -> None:
    """Wait until all pictures that can be seen are there."""
    page.wait_for_function(
        """() => [...document.images].every((image) => image.complete || !image.checkVisibility()
            || image.getBoundingClientRect().top > innerHeight)""",
        timeout=120_000,
    )


def _draw_head() -> None:
    """Draw the picture at the head of the README: two pages, one over the other."""
    head, above = (Image.open(PLACE / f"{name}.webp").convert("RGB") for name in HEAD)
    width, height = above.width * 7 // 10, above.height * 7 // 10
    corner = (head.width - width, head.height - height)
    head.paste(Image.new("RGB", (width + 3, height + 3), FRAME), (corner[0] - 3, corner[1] - 3))
    head.paste(above.resize((width, height), Image.Resampling.LANCZOS), corner)
    head.save(PLACE / "head.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
