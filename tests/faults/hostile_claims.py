"""Files made by hand that claim to be a picture, or a larger or another one than they are."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tests.faults.hostile_jpegs import PAGE, jpeg_claiming, jpeg_of, jpeg_segments, jpeg_with_scans
from tests.faults.hostile_mutations import zip_behind
from tests.faults.hostile_pictures import (
    EITHER,
    FRAMES,
    GREY_GIF,
    PHOTO,
    PIXELS,
    REFUSED,
    STORED,
    Picture,
    bmp,
    jpeg,
)
from tests.faults.hostile_pngs import png_chunks, png_claiming, png_of
from tests.oracles.conversions import encoded


def false_pictures() -> list[Picture]:
    """Return every file, each under a name of its own."""
    makers = (jpeg_lies, png_lies, gif_and_webp_lies, bmp_lies, polyglots, no_pictures, cut_pictures)
    return [picture for make in makers for picture in make()]


def jpeg_lies() -> Iterator[Picture]:
    sound, progressive = jpeg(), jpeg(progressive=True)
    yield "claims-65535x65535.jpg", jpeg_claiming(sound, 65535, 65535), "unknown-format"
    yield "claims-65500x65500.jpg", jpeg_claiming(sound, 65500, 65500), "too-many-pixels"
    yield "claims-7072x7072.jpg", jpeg_claiming(sound, 7072, 7072), "too-many-pixels"
    yield "claims-7000x7000.jpg", jpeg_claiming(sound, 7000, 7000), "corrupt"
    yield "claims-7000x7000-progressive.jpg", jpeg_claiming(progressive, 7000, 7000), "corrupt"
    yield "claims-0x0.jpg", jpeg_claiming(sound, 0, 0), "unknown-format"
    yield "claims-no-height.jpg", jpeg_claiming(sound, 60, 0), "unknown-format"
    for scans in (65, 200, 5000):
        yield f"{scans}-scans.jpg", jpeg_with_scans(progressive, scans), "too-many-scans"
    many_wide = jpeg_claiming(jpeg_with_scans(progressive, 64), 7000, 7000)
    yield "64-scans-of-7000x7000.jpg", many_wide, "corrupt"
    parts = jpeg_segments(sound)
    frame = next(place for place, part in enumerate(parts) if part[1] == 0xC0)
    for marker, name in ((0xC3, "lossless"), (0xC9, "arithmetic"), (0xC5, "differential")):
        other = [*parts[:frame], b"\xff" + bytes([marker]) + parts[frame][2:], *parts[frame + 1 :]]
        yield f"{name}.jpg", jpeg_of(other), REFUSED
    yield (
        "12-bit.jpg",
        jpeg_of([*parts[:frame], parts[frame][:4] + b"\x0c" + parts[frame][5:], *parts[frame + 1 :]]),
        ("unknown-format"),
    )
    yield "no-end.jpg", sound[:-2], "truncated"
    yield "two-starts.jpg", b"\xff\xd8" + sound, REFUSED
    yield "fill-bytes.jpg", sound[:2] + b"\xff" * 100_000 + sound[2:], STORED
    yield "only-starts.jpg", b"\xff\xd8" * 50_000, REFUSED
    yield "only-fill-bytes.jpg", b"\xff\xd8\xff" + b"\xff" * 2_000_000, "truncated"
    yield "only-comments.jpg", b"\xff\xd8" + (b"\xff\xfe\0\2" * 500_000) + b"\xff\xd9", REFUSED


def png_lies() -> Iterator[Picture]:
    sound = encoded(PHOTO, "PNG")
    (head, *body), bomb = png_chunks(sound), zlib.compress(bytes(64_000_000), 9)
    end = (b"IEND", b"")
    yield "claims-65535x65535.png", png_claiming(sound, 65535, 65535), "too-many-pixels"
    yield "claims-2147483647x1.png", png_claiming(sound, 0x7FFFFFFF, 1), "too-many-pixels"
    yield "claims-4294967295x4294967295.png", png_claiming(sound, 0xFFFFFFFF, 0xFFFFFFFF), "too-many-pixels"
    yield "claims-7000x7000.png", png_claiming(sound, 7000, 7000), "truncated"
    yield "claims-0x0.png", png_claiming(sound, 0, 0), "corrupt"
    yield "pixels-are-a-bomb.png", png_of([head, (b"IDAT", bomb), end]), EITHER
    yield "text-is-a-bomb.png", png_of([head, (b"zTXt", b"x\0\0" + bomb), *body]), EITHER
    yield "profile-is-a-bomb.png", png_of([head, (b"iCCP", b"x\0\0" + bomb), *body]), EITHER
    yield "a-hundred-bombs.png", png_of([head, *[(b"zTXt", b"x\0\0" + bomb)] * 100, *body]), EITHER
    yield "a-million-chunks.png", png_of([head, *[(b"tEXt", b"x\0")] * 1_000_000, *body]), EITHER
    damaged = sound[:-20] + bytes([sound[-20] ^ 1]) + sound[-19:]
    yield "wrong-checksum.png", damaged, "corrupt"
    yield "two-heads.png", png_of([head, head, *body]), EITHER
    yield "no-pixels.png", png_of([head, end]), REFUSED
    yield "no-end.png", sound[:-12], "truncated"
    yield "animated.apng.png", encoded(PHOTO, "PNG", save_all=True, append_images=FRAMES[1:]), "animated"
    claims_frames = (b"acTL", struct.pack(">II", 0xFFFFFFFF, 0))
    yield "claims-4294967295-frames.apng.png", png_of([head, claims_frames, *body]), STORED
    palette_missing = png_of([(head[0], head[1][:9] + b"\3" + head[1][10:]), *body])
    yield "no-palette.png", palette_missing, REFUSED


def gif_and_webp_lies() -> Iterator[Picture]:
    moving = {"save_all": True, "append_images": FRAMES[1:]}
    yield "animated.gif", encoded(PHOTO, "GIF", **moving), "animated"
    yield "animated.webp", encoded(PHOTO, "WEBP", **moving), "animated"
    yield "claims-65535x65535.gif", GREY_GIF[:6] + b"\xff\xff\xff\xff" + GREY_GIF[10:], "too-many-pixels"
    yield "claims-7000x7000.gif", GREY_GIF[:6] + struct.pack("<HH", 7000, 7000) + GREY_GIF[10:], EITHER
    frame = GREY_GIF.index(b"\x2c", 13 + 768)
    far_off = GREY_GIF[: frame + 1] + struct.pack("<HHHH", 60000, 60000, 65535, 65535) + GREY_GIF[frame + 9 :]
    yield "frame-far-off.gif", far_off, REFUSED
    yield "ten-thousand-frames.gif", GREY_GIF[:-1] + GREY_GIF[frame:-1] * 10_000 + b";", "animated"
    yield "no-frame.gif", GREY_GIF[:frame] + b";", REFUSED
    yield "no-end.gif", GREY_GIF[:-1], EITHER
    webp = encoded(PHOTO, "WEBP")
    yield "longer-than-it-is.webp", webp[:4] + struct.pack("<I", len(webp) + 100) + webp[8:], "truncated"
    canvas = b"VP8X" + struct.pack("<II", 10, 2) + b"\xff" * 6
    huge = canvas + webp[12:]
    yield (
        "claims-16777216x16777216.webp",
        b"RIFF" + struct.pack("<I", len(huge) + 4) + b"WEBP" + huge,
        ("too-many-pixels"),
    )
    yield "no-chunk.webp", b"RIFF\4\0\0\0WEBP", REFUSED


def polyglots() -> Iterator[Picture]:
    """Yield what is two things at once: what every viewer shows counts, and nothing else goes any further."""
    chance = random.Random(3)
    sound = {"jpg": jpeg(), "png": encoded(PHOTO, "PNG"), "gif": GREY_GIF, "webp": encoded(PHOTO, "WEBP")}
    sound["bmp"] = encoded(PHOTO, "BMP")
    for kind, data in sound.items():
        yield f"and-an-archive.{kind}", zip_behind(data, chance), STORED
        yield f"and-a-page.{kind}", data + PAGE, STORED
    for (kind, data), (other, behind) in pairwise(sound.items()):
        yield f"and-a-{other}.{kind}", data + behind, STORED
        yield f"called-{other}.{other}", data, STORED
    yield "pixels-behind-a-page.jpg", PAGE + sound["jpg"], "unknown-format"


def no_pictures() -> Iterator[Picture]:
    """Yield files of other kinds."""
    heads = {
        "tiff": encoded(PHOTO, "TIFF"),
        "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(500),
        "icon": encoded(PHOTO, "ICO"),
        "ppm": encoded(PHOTO, "PPM"),
        "tga": encoded(PHOTO, "TGA"),
        "pdf": b"%PDF-1.7\n" + bytes(500),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nsystemdict /getenv\n",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "page": PAGE,
        "script": b"#!/bin/sh\ntouch sentinel\n",
        "program": b"\x7fELF\2\1\1" + bytes(500),
        "archive": zip_behind(b"", random.Random(4)),
        "pickle": b"cos\nsystem\n(S'touch sentinel'\ntR.",
        "noise": random.Random(5).randbytes(100_000),
        "zeros": bytes(100_000),
        "one-byte": b"\xff",
        "text": b"not an image",
    }
    for name, content in heads.items():
        yield f"{name}.jpg", content, "unknown-format"
    yield "empty.jpg", b"", "empty"


def cut_pictures() -> Iterator[Picture]:
    """Yield only the first bytes of each format, and all of it but the last."""
    sound = {"jpg": jpeg(), "png": encoded(PHOTO, "PNG"), "gif": encoded(PHOTO, "GIF"), "webp": encoded(PHOTO, "WEBP")}
    for kind, data in (*sound.items(), ("bmp", encoded(PHOTO, "BMP"))):
        for length in (12, 30, len(data) // 2):
            yield f"first-{length}.{kind}", data[:length], REFUSED


def bmp_lies() -> Iterator[Picture]:
    height, width = PIXELS.shape[:2]
    bgr = np.ascontiguousarray(PIXELS[..., ::-1])
    sound, palette = encoded(PHOTO, "BMP"), bytes(1024)
    yield "runs-without-end.bmp", bmp(7000, 7000, 8, b"\xff\1" * 1000, compression=1, palette=palette), REFUSED
    yield "claims-2147483647x1.bmp", bmp(0x7FFFFFFF, 1, 24, bgr.tobytes()), "too-many-pixels"
    yield "claims-1x-2147483648.bmp", bmp(1, -0x80000000, 24, bgr.tobytes()), "too-many-pixels"
    yield "claims-7000x7000.bmp", bmp(7000, 7000, 24, bgr.tobytes()), "truncated"
    yield "claims-0x0.bmp", bmp(0, 0, 24, bgr.tobytes()), REFUSED
    yield "claims--60x42.bmp", bmp(-width, height, 24, bgr.tobytes()), REFUSED
    yield "of-13-bits.bmp", bmp(width, height, 13, bgr.tobytes()), REFUSED
    yield "holds-a-jpeg.bmp", bmp(width, height, 0, jpeg(), compression=4), REFUSED
    yield "pixels-before-the-file.bmp", sound[:10] + bytes(4) + sound[14:], EITHER
    yield "pixels-behind-the-file.bmp", sound[:10] + b"\xff" * 4 + sound[14:], REFUSED
