"""Sound pictures made by hand, of what formats allow and few files do. Each must be stored as Pillow shows it."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from benchmarks.photos import photos
from tests.faults.hostile_jpegs import PAGE, jpeg_of, jpeg_segments
from tests.faults.hostile_pngs import png
from tests.oracles.conversions import encoded

STORED, REFUSED, EITHER = "stored", "refused", "either"
"""Verdicts: it must become rows equal to the oracle's; it must be refused; both are sound. Any other verdict is the
reason for which it must be refused."""

Picture = tuple[str, bytes, str]
"""Name, bytes and verdict."""

PHOTO = photos()["chelsea.png"].resize((60, 42))
PIXELS: NDArray[np.uint8] = np.asarray(PHOTO)
GREY = PHOTO.convert("L")
GREY_GIF = encoded(GREY, "GIF")
RGBA = np.dstack([PIXELS, np.linspace(0, 255, PIXELS[..., 0].size).reshape(PIXELS.shape[:2]).astype(np.uint8)])
FRAMES = [PHOTO, PHOTO.rotate(90, expand=False), PHOTO.rotate(180)]


def odd_pictures() -> list[Picture]:
    """Return every picture, each under a name of its own."""
    return [picture for make in (jpegs, jpeg_metadata, pngs, gifs_and_webps, bmps) for picture in make()]


def jpeg(image: Image.Image = PHOTO, **options: Any) -> bytes:
    return encoded(image, "JPEG", **{"quality": 90, **options})


def jpegs() -> Iterator[Picture]:
    for quality in (1, 50, 100):
        yield f"quality-{quality}.jpg", jpeg(quality=quality), STORED
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        yield f"sampling-{sampling.replace(':', '')}.jpg", jpeg(subsampling=sampling), STORED
        yield f"progressive-{sampling.replace(':', '')}.jpg", jpeg(subsampling=sampling, progressive=True), STORED
    yield "grey.jpg", jpeg(GREY), STORED
    yield "grey-progressive.jpg", jpeg(GREY, progressive=True), STORED
    yield "optimised.jpg", jpeg(optimize=True), STORED
    yield "restarts.jpg", jpeg(restart_marker_blocks=1), STORED
    yield "kept-rgb.jpg", jpeg(keep_rgb=True), STORED
    cmyk = jpeg(PHOTO.convert("CMYK"))
    yield "cmyk.jpg", cmyk, STORED
    yield "cmyk-progressive.jpg", jpeg(PHOTO.convert("CMYK"), progressive=True), STORED
    adobe = next(place for place, part in enumerate(jpeg_segments(cmyk)) if part[4:9] == b"Adobe")
    parts = jpeg_segments(cmyk)
    yield "cmyk-unmarked.jpg", jpeg_of([*parts[:adobe], *parts[adobe + 1 :]]), STORED
    yield "ycck.jpg", jpeg_of([*parts[:adobe], parts[adobe][:-1] + b"\2", *parts[adobe + 1 :]]), STORED
    for width, height in ((1, 1), (1, 90), (90, 1), (7, 9), (8, 8), (3000, 2), (2, 3000), (65500, 1)):
        yield f"sides-{width}x{height}.jpg", jpeg(PHOTO.resize((width, height))), STORED


def jpeg_metadata() -> Iterator[Picture]:
    for orientation in (*range(10), 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"turned-{orientation}.jpg", jpeg(exif=exif), STORED
    long = Image.Exif()
    long[0x010E] = "x" * 60000
    yield "exif-of-60000.jpg", jpeg(exif=long), STORED
    yield "exif-is-noise.jpg", jpeg(exif=b"Exif\0\0" + random.Random(1).randbytes(500)), STORED
    start, turned = b"Exif\0\0II*\0\10\0\0\0\1\0", b"\x12\1\3\0"
    looped = start + turned + struct.pack("<III", 1, 6, 8)
    yield "exif-goes-in-circles.jpg", jpeg(exif=looped), STORED
    yield "turned-4294967295-ways.jpg", jpeg(exif=start + turned + struct.pack("<III", 0xFFFFFFFF, 6, 8)), EITHER
    yield "colour-profile-is-noise.jpg", jpeg(icc_profile=random.Random(2).randbytes(3000)), STORED
    yield "comment-is-a-page.jpg", jpeg(comment=PAGE), STORED
    yield "density-of-0.jpg", jpeg(dpi=(0, 0)), STORED
    with_pictures = BytesIO()
    PHOTO.save(with_pictures, "MPO", save_all=True, append_images=FRAMES[1:])
    yield "three-pictures.mpo.jpg", with_pictures.getvalue(), STORED


def pngs() -> Iterator[Picture]:
    wide = PIXELS.astype(np.uint16) * 257 + 3
    alpha = (RGBA.astype(np.uint16) * 257)[..., 3:]
    palette = (b"PLTE", bytes(range(48)))
    few = (PIXELS[..., 0] >> 4).astype(np.uint8)
    yield "1-bit.png", png(few >> 3, depth=1, colour=0), STORED
    yield "2-bit.png", png(few >> 2, depth=2, colour=0), STORED
    yield "4-bit.png", png(few, depth=4, colour=0), STORED
    yield "8-bit-grey.png", png(PIXELS[..., 0], depth=8, colour=0), STORED
    yield "16-bit-grey.png", png(wide[..., 0], depth=16, colour=0), STORED
    yield "8-bit.png", png(PIXELS, depth=8, colour=2), STORED
    yield "16-bit.png", png(wide, depth=16, colour=2), STORED
    yield "palette-of-16.png", png(few, depth=4, colour=3, extra=[palette]), STORED
    yield "palette-with-alpha.png", png(few, depth=4, colour=3, extra=[palette, (b"tRNS", bytes(16))]), STORED
    yield "grey-alpha.png", png(RGBA[..., 2:], depth=8, colour=4), STORED
    yield "16-bit-grey-alpha.png", png(np.dstack([wide[..., 0], alpha]), depth=16, colour=4), STORED
    yield "alpha.png", png(RGBA, depth=8, colour=6), STORED
    yield "16-bit-alpha.png", png(np.dstack([wide, alpha]), depth=16, colour=6), STORED
    yield "transparent-colour.png", png(PIXELS, depth=8, colour=2, extra=[(b"tRNS", bytes(6))]), STORED
    yield "interlaced.png", png(PIXELS, depth=8, colour=2, interlaced=True), STORED
    yield "interlaced-16-bit.png", png(wide, depth=16, colour=2, interlaced=True), STORED
    yield "1x1.png", encoded(PHOTO.resize((1, 1)), "PNG"), STORED
    yield "100000x1.png", encoded(PHOTO.resize((100_000, 1)), "PNG"), STORED
    yield "one-frame.apng.png", encoded(PHOTO, "PNG", save_all=True, append_images=[]), STORED
    with_text = PngImagePlugin.PngInfo()
    with_text.add_text("Comment", PAGE.decode(), zip=True)
    yield "comment-is-a-page.png", encoded(PHOTO, "PNG", pnginfo=with_text), STORED
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "turned-6.png", encoded(PHOTO, "PNG", exif=exif), STORED


def gifs_and_webps() -> Iterator[Picture]:
    yield "palette.gif", encoded(PHOTO.convert("P", palette=Image.Palette.ADAPTIVE), "GIF"), STORED
    yield "grey.gif", GREY_GIF, STORED
    yield "interlaced.gif", encoded(PHOTO, "GIF", interlace=True), STORED
    yield "transparent.gif", encoded(PHOTO.quantize(16), "GIF", transparency=3), STORED
    yield "1-bit.gif", encoded(PHOTO.convert("1"), "GIF"), STORED
    yield "1x1.gif", encoded(PHOTO.resize((1, 1)), "GIF"), STORED
    yield "of-1987.gif", b"GIF87a" + GREY_GIF[6:], STORED
    yield "lossy.webp", encoded(PHOTO, "WEBP"), STORED
    yield "lossless.webp", encoded(PHOTO, "WEBP", lossless=True), STORED
    yield "alpha.webp", encoded(Image.fromarray(RGBA), "WEBP"), STORED
    yield "alpha-lossless.webp", encoded(Image.fromarray(RGBA), "WEBP", lossless=True), STORED
    yield "1x1.webp", encoded(PHOTO.resize((1, 1)), "WEBP"), STORED
    exif = Image.Exif()
    exif[0x0112] = 3
    yield "turned-3.webp", encoded(PHOTO, "WEBP", exif=exif), STORED
    yield "colour-profile-is-noise.webp", encoded(PHOTO, "WEBP", icc_profile=b"\1" * 999), STORED


def bmp(width: int, height: int, bits: int, pixels: bytes, *, compression: int = 0, palette: bytes = b"") -> bytes:
    """Return a BMP with Windows' header of 40 bytes."""
    start = 54 + len(palette)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + palette + pixels


def bmps() -> Iterator[Picture]:
    height, width = PIXELS.shape[:2]
    bgr = np.ascontiguousarray(PIXELS[..., ::-1])
    short = (PIXELS[..., 0].astype(np.uint16) >> 3) << 10 | (PIXELS[..., 1] >> 3).astype(np.uint16) << 5
    greys = bytes(value for level in range(256) for value in (level, level, level, 0))
    yield "palette.bmp", encoded(PHOTO.quantize(16), "BMP"), STORED
    yield "grey.bmp", encoded(GREY, "BMP"), STORED
    yield "1-bit.bmp", encoded(PHOTO.convert("1"), "BMP"), STORED
    yield "24-bit.bmp", encoded(PHOTO, "BMP"), STORED
    yield "32-bit.bmp", bmp(width, height, 32, np.dstack([bgr, bgr[..., 0]]).tobytes()), STORED
    yield "16-bit.bmp", bmp(width, height, 16, short.astype("<u2").tobytes()), STORED
    yield "from-the-top.bmp", bmp(width, -height, 24, bgr.tobytes()), STORED
    runs = b"".join(bytes([width, line]) + b"\0\0" for line in range(height)) + b"\0\1"
    yield "run-lengths.bmp", bmp(width, height, 8, runs, compression=1, palette=greys), STORED
