"""Lies in PNG files, and the kinds that Pillow cannot write: chunks of a length, a type, a body and a checksum."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.faults.hostile_jpegs import CLAIMED_SIDES


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk with its right length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return type and body of each chunk of a sound file."""
    found, position = [], 8
    while position < len(data):
        length = int.from_bytes(data[position : position + 4])
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return the file of `chunks`, with right lengths and checksums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_claiming(data: bytes, width: int, height: int) -> bytes:
    """Return a sound PNG with other sides in its header."""
    (kind, head), *others = png_chunks(data)
    return png_of([(kind, struct.pack(">II", width, height) + head[8:]), *others])


def png_sides(data: bytes, rng: random.Random) -> bytes:
    sides = (*CLAIMED_SIDES, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    return png_claiming(data, rng.choice(sides), rng.choice(sides))


def png_chunk_length(data: bytes, rng: random.Random) -> bytes:
    chunks = png_chunks(data)
    place = 8 + sum(12 + len(body) for _, body in chunks[: rng.randrange(len(chunks))])
    return data[:place] + struct.pack(">I", rng.choice((0, 1, 13, 0x7FFFFFFF, 0xFFFFFFFF))) + data[place + 4 :]


def png_chunk_again(data: bytes, rng: random.Random) -> bytes:
    chunks = png_chunks(data)
    copied = rng.choice(chunks)
    for _ in range(rng.choice((1, 1, 3, 1000))):
        chunks.insert(rng.randrange(len(chunks) + 1), copied)
    return png_of(chunks)


def png_chunks_shuffled(data: bytes, rng: random.Random) -> bytes:
    chunks = png_chunks(data)
    rng.shuffle(chunks)
    return png_of(chunks)


def png_header(data: bytes, rng: random.Random) -> bytes:
    """Lie about bits, colours, compression, filters or interlacing, with the right checksum."""
    (kind, head), *others = png_chunks(data)
    damaged = bytearray(head)
    damaged[rng.randrange(8, 13)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return png_of([(kind, bytes(damaged)), *others])


def png_pixels(data: bytes, rng: random.Random) -> bytes:
    """Damage the compressed pixels, and put the checksum right."""
    chunks = png_chunks(data)
    place = next(place for place, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    kind, body = chunks[place]
    start = rng.randrange(len(body))
    chunks[place] = (kind, body[:start] + rng.randbytes(rng.choice((1, 2, 64))) + body[start + 1 :])
    return png_of(chunks)


PNG_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    png_sides,
    png_chunk_length,
    png_chunk_again,
    png_chunks_shuffled,
    png_header,
    png_pixels,
)


def png(rows: NDArray[Any], *, depth: int, colour: int, interlaced: bool = False, extra: Any = ()) -> bytes:
    """Return a PNG of `rows`, `(height, width[, channels])` of one or two bytes; below 8 bits rows are packed."""
    height, width = rows.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    passes = [rows[y::down, x::across] for x, y, across, down in ADAM7] if interlaced else [rows]
    lines = b"".join(_lines(part, depth) for part in passes if part.size)
    return png_of([(b"IHDR", head), *extra, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")])


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps across and down, of each pass (PNG specification, 8.2)."""


def _lines(rows: NDArray[Any], depth: int) -> bytes:
    if depth < 8:
        bits = np.unpackbits(rows[..., None], axis=2)[..., 8 - depth :].reshape(len(rows), -1)
        packed = np.packbits(bits, axis=1)
    else:
        packed = rows.astype(f">u{depth // 8}")
    return b"".join(b"\0" + line.tobytes() for line in packed)
