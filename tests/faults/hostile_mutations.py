"""Damaged and lying copies of sound image files, by seed. Knows the formats from their specifications alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from benchmarks.photos import photos
from tests.faults.hostile_headers import HEADER_MUTATIONS
from tests.faults.hostile_jpegs import JPEG_MUTATIONS, PAGE
from tests.faults.hostile_pngs import PNG_MUTATIONS
from tests.oracles.conversions import encoded

Mutation = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutated file: its name, which tells what was done to it, and its bytes."""

    name: str
    content: bytes


def mutants(first: int, count: int, *, seed: int = 1) -> Iterator[Mutant]:
    """Yield the mutants numbered from `first` on; each number is the same file on every machine with one Pillow."""
    ways = [(kind, mutation) for kind in SOUND for mutation in (*ANY, *OF_FORMAT[kind])]
    for number in range(first, first + count):
        kind, mutation = ways[number % len(ways)]
        rng = random.Random(f"{seed} {number}")
        data = rng.choice(sound_files()[kind])
        name = f"{mutation.__name__}/{number:05d}.{kind}"
        yield Mutant(name, mutation(data, rng))


@cache
def sound_files() -> dict[str, list[bytes]]:
    """Return sound files of each format, of three real photographs."""
    names = ("chelsea.png", "china.jpg", "motorcycle_left.png")
    small = [photos()[name].resize(size) for name, size in zip(names, ((96, 72), (64, 80), (130, 50)), strict=True)]
    return {
        kind: [encoded(picture, kind.upper(), **options) for picture in small for options in SOUND[kind]]
        for kind in SOUND
    }


SOUND: dict[str, tuple[dict[str, Any], ...]] = {
    "jpeg": (
        {"quality": 90},
        {"quality": 75, "progressive": True},
        {"quality": 85, "subsampling": 0, "restart_marker_blocks": 4},
    ),
    "png": ({}, {"compress_level": 0}),
    "webp": ({"quality": 80}, {"lossless": True}),
    "bmp": ({},),
    "gif": ({}, {"interlace": False}),
}
"""The formats, and the options with which Pillow writes a sound file of each."""


def bit_flips(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 64))):
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.choice((rng.randrange(1, 64), rng.randrange(1, len(data)), len(data) - rng.randrange(1, 4)))]


def noise_in_a_sector(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(min(512, len(data) - start)) + data[start + 512 :]


def zeros_in_a_sector(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :]


def bytes_lost(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 64) :]


def bytes_added(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randrange(1, 64)) + data[start:]


def header_byte(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        damaged[rng.randrange(2, min(len(data), 200))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(damaged)


def part_repeated(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randrange(1, 2000))
    return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]


def parts_swapped(data: bytes, rng: random.Random) -> bytes:
    one, two, three = sorted(rng.randrange(16, len(data)) for _ in range(3))
    return data[:one] + data[two:three] + data[one:two] + data[three:]


def zip_behind(data: bytes, rng: random.Random) -> bytes:
    buffer = BytesIO(data)
    with ZipFile(buffer, "a") as archive:
        archive.writestr("../../outside.txt", rng.randbytes(200))
    return buffer.getvalue()


def page_behind(data: bytes, rng: random.Random) -> bytes:
    return data + PAGE * rng.choice((1, 100))


def glued_to_another(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(sound_files()[rng.choice(list(SOUND))])
    return rng.choice((data + other, data[: len(data) // 2] + other, other[: len(other) // 2] + data))


def with_the_head_of_another(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(sound_files()[rng.choice(list(SOUND))])
    size = rng.choice((2, 4, 8, 12, 32))
    return other[:size] + data[size:]


ANY: tuple[Mutation, ...] = (
    bit_flips,
    cut,
    noise_in_a_sector,
    zeros_in_a_sector,
    bytes_lost,
    bytes_added,
    header_byte,
    part_repeated,
    parts_swapped,
    zip_behind,
    page_behind,
    glued_to_another,
    with_the_head_of_another,
)

OF_FORMAT: dict[str, tuple[Mutation, ...]] = {"jpeg": JPEG_MUTATIONS, "png": PNG_MUTATIONS, **HEADER_MUTATIONS}
