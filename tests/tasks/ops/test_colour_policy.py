"""Every kind of pixel becomes the RGB that the written policy promises, by oracles of plain Pillow and numpy."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageCms, ImageOps

from benchmarks.photos import photos
from storage.refused import Refusal
from tasks.ops.colour_policy import COLOUR_POLICY, converted_to_rgb, orientation_in
from tasks.ops.decode import DecodeLimits, decode_rgb
from tests.oracles.conversions import encoded, largest_difference, over_white, plain_rgb

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return photos()["chelsea.png"].resize((96, 64))


def decoded(data: bytes) -> np.ndarray:
    image = decode_rgb(data, DecodeLimits())
    assert not isinstance(image, Refusal), image
    assert image.mode == "RGB"
    return np.asarray(image)


def exif_with(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


def png_of(rows: np.ndarray, *, colour_type: int, transparent: bytes = b"") -> bytes:
    """Write 16-bit samples, `(height, width, channels)`, as a PNG: Pillow writes no colour ones."""
    height, width, _ = rows.shape
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))]
    parts += [(b"tRNS", transparent)] if transparent else []
    parts += [(b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_cmyk_jpeg_equals_plain_pillow(photo: Image.Image):
    data = encoded(photo.convert("CMYK"), "JPEG", quality=90)
    assert np.array_equal(decoded(data), plain_rgb(data))


def test_ycck_jpeg_equals_plain_pillow(photo: Image.Image):
    inks = np.ascontiguousarray(255 - np.asarray(photo.convert("CMYK")))
    data = simplejpeg.encode_jpeg(inks, quality=90, colorspace="CMYK", colorsubsampling="420")
    assert simplejpeg.decode_jpeg_header(data)[2] == "YCCK"
    assert np.array_equal(decoded(data), plain_rgb(data))


def test_rgb_jpeg_without_colour_transform_equals_plain_pillow(photo: Image.Image):
    data = encoded(photo, "JPEG", quality=90, keep_rgb=True)
    assert np.array_equal(decoded(data), plain_rgb(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_grey_is_replicated(photo: Image.Image, kind: str):
    data = encoded(photo.convert("L"), kind)
    grey = plain_rgb(data)[..., 0]
    assert np.array_equal(decoded(data), np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_one_bit_becomes_black_and_white(photo: Image.Image, kind: str):
    bits = photo.convert("1")
    expected = np.repeat(np.where(np.asarray(bits), 255, 0).astype(np.uint8)[..., None], 3, axis=2)
    assert np.array_equal(decoded(encoded(bits, kind)), expected)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_palette_is_expanded(photo: Image.Image, kind: str):
    indexed = photo.quantize(64)
    palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    assert np.array_equal(decoded(encoded(indexed, kind)), palette[np.asarray(indexed)])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entry_becomes_white(photo: Image.Image, kind: str):
    indexed = photo.quantize(16)
    data = encoded(indexed, kind, transparency=3)
    shown = np.asarray(Image.open(BytesIO(data)).convert("RGBA"))
    assert (shown[..., 3] == 0).any()
    assert np.array_equal(decoded(data), over_white(shown))


def test_palette_with_alpha_values_is_composited_over_white(photo: Image.Image):
    indexed = photo.quantize(16)
    alphas = bytes(range(0, 256, 17))
    palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)[:16]
    rgba = np.concatenate([palette, np.frombuffer(alphas, np.uint8)[:, None]], axis=1)[np.asarray(indexed)]
    data = encoded(indexed, "PNG", transparency=alphas)
    assert largest_difference(decoded(data), over_white(rgba)) <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_is_composited_over_white(photo: Image.Image, kind: str):
    rgba = np.dstack([np.asarray(photo), np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))])
    data = encoded(Image.fromarray(rgba), kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    assert largest_difference(decoded(data), over_white(rgba)) <= 1


def test_grey_with_alpha_is_composited_over_white(photo: Image.Image):
    grey = photo.convert("LA")
    grey.putalpha(Image.linear_gradient("L").resize(photo.size))
    values = np.asarray(grey)
    rgba = np.dstack([values[..., :1]] * 3 + [values[..., 1:]])
    assert largest_difference(decoded(encoded(grey, "PNG")), over_white(rgba)) <= 1


def test_transparent_colour_becomes_white():
    values = np.full((4, 6, 3), (10, 20, 30), np.uint8)
    values[1, 2] = (11, 20, 30)
    expected = np.full((4, 6, 3), 255, np.uint8)
    expected[1, 2] = (11, 20, 30)
    data = encoded(Image.fromarray(values), "PNG", transparency=(10, 20, 30))
    assert np.array_equal(decoded(data), expected)


def test_sixteen_bit_grey_is_divided_by_257_and_rounded():
    values = np.arange(0, 65536, 13, dtype=np.uint16)[:5040].reshape(60, 84)
    expected = np.floor(values / 257 + 0.5).astype(np.uint8)
    data = encoded(Image.fromarray(values), "PNG")
    assert np.array_equal(decoded(data), np.repeat(expected[..., None], 3, axis=2))


def test_transparent_sixteen_bit_grey_is_compared_in_sixteen_bits():
    values = np.array([[0x1234, 0x1235, 0x1200]], np.uint16)[..., None]
    data = png_of(values, colour_type=0, transparent=b"\x12\x34")
    assert decoded(data)[0].tolist() == [[255] * 3, [18] * 3, [18] * 3]


def test_sixteen_bit_colour_keeps_its_high_byte():
    values = np.random.default_rng(0).integers(0, 65536, (8, 9, 3)).astype(np.uint16)
    assert np.array_equal(decoded(png_of(values, colour_type=2)), (values >> 8).astype(np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(photo: Image.Image, orientation: int, kind: str):
    data = encoded(photo, kind, exif=exif_with(orientation))
    with Image.open(BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(decoded(data), expected)


def test_exif_orientation_of_a_cmyk_jpeg_is_applied(photo: Image.Image):
    data = encoded(photo.convert("CMYK"), "JPEG", exif=exif_with(6))
    assert np.array_equal(decoded(data), np.rot90(plain_rgb(data), -1))


def test_big_endian_exif_is_read():
    block = b"Exif\0\0MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", ORIENTATION, 3, 1, 8, 0) + bytes(4)
    assert orientation_in(block) == 8


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", ORIENTATION, 3, 1, 9, 0),
        b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", ORIENTATION, 2, 1, 6, 0),
        b"no exif at all",
    ],
)
def test_unreadable_exif_counts_as_upright(block: bytes, photo: Image.Image):
    assert orientation_in(block) == 1
    data = encoded(photo, "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    assert np.array_equal(decoded(data[:2] + segment + data[2:]), plain_rgb(data))


def test_colour_profiles_are_ignored(photo: Image.Image):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    data = encoded(photo, "PNG", icc_profile=profile)
    assert np.array_equal(decoded(data), np.asarray(photo))


def test_a_mode_without_policy_is_named():
    with pytest.raises(ValueError, match="got YCbCr"):
        converted_to_rgb(Image.new("YCbCr", (2, 2)))


def test_the_documentation_holds_every_line_of_the_policy():
    text = Path("docs/refusals.md").read_text(encoding="utf-8")
    assert [line for line in COLOUR_POLICY if line not in text] == []
