"""Lies in the headers of BMP, GIF and WebP files, whose fields stand at fixed places."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable


def lying(data: bytes, rng: random.Random, fields: tuple[tuple[int, str], ...]) -> bytes:
    """Return `data` with a lie in one of `fields`, pairs of place and struct format."""
    place, layout = rng.choice(fields)
    size = struct.calcsize(layout)
    lies = [0, 1, 2, 16, 7000, 1 << 8 * size - 1, (1 << 8 * size) - 1, rng.randrange(1 << 8 * size)]
    return data[:place] + struct.pack(layout, rng.choice(lies) & (1 << 8 * size) - 1) + data[place + size :]


def bmp_header(data: bytes, rng: random.Random) -> bytes:
    fields = ((2, "<I"), (10, "<I"), (14, "<I"), (18, "<I"), (22, "<I"), (28, "<H"), (30, "<I"), (34, "<I"), (46, "<I"))
    return lying(data, rng, fields)


def gif_frame(data: bytes) -> int:
    """Return where the first frame of a sound file begins, right behind the palette."""
    return data.index(b"\x2c", 13 + 3 * 2 ** (data[10] % 8 + 1))


def gif_header(data: bytes, rng: random.Random) -> bytes:
    of_screen = ((6, "<H"), (8, "<H"), (10, "<B"), (11, "<B"))
    of_frame = ((1, "<H"), (5, "<H"), (7, "<H"), (9, "<B"), (10, "<B"))
    start = gif_frame(data)
    return lying(data, rng, of_screen + tuple((start + place, layout) for place, layout in of_frame))


def gif_frame_again(data: bytes, rng: random.Random) -> bytes:
    return data[:-1] + data[gif_frame(data) : -1] * rng.choice((1, 2, 500)) + data[-1:]


def webp_header(data: bytes, rng: random.Random) -> bytes:
    return lying(data, rng, ((4, "<I"), (12, "<I"), (16, "<I"), (20, "<I"), (21, "<I"), (26, "<H"), (28, "<H")))


def webp_canvas(data: bytes, rng: random.Random) -> bytes:
    """Put an extended header in front, which may promise another canvas, animation, alpha or metadata."""
    width, height = (rng.choice((63, 95, 7000, 16383, 0xFFFFFF)) for _ in range(2))
    canvas = struct.pack("<I", rng.choice((0, 2, 4, 8, 16, 32, 0xFF))) + struct.pack("<I", width)[:3]
    body = b"VP8X" + struct.pack("<I", 10) + canvas + struct.pack("<I", height)[:3] + data[12:]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_chunk_again(data: bytes, rng: random.Random) -> bytes:
    body = data[12:] + data[12:] * rng.choice((1, 2, 50))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


HEADER_MUTATIONS: dict[str, tuple[Callable[[bytes, random.Random], bytes], ...]] = {
    "webp": (webp_header, webp_canvas, webp_chunk_again),
    "bmp": (bmp_header,),
    "gif": (gif_header, gif_frame_again),
}
