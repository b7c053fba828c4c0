"""Which damage to a JPEG is refused and which passes unseen. Writes docs/refusals.md's tables."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.photos import as_jpeg, photos
from storage.refused import Refusal
from tasks.ops.decode import DecodeLimits, decode_rgb

MUTANTS_PER_KIND, SEED = 200, 1

Pixels = NDArray[np.uint8]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(3, len(data))]


def one_bit(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    damaged[rng.randrange(3, len(data))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def one_header_byte(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    damaged[rng.randrange(3, data.index(b"\xff\xda"))] = rng.randrange(256)
    return bytes(damaged)


def sector_of(filler: Callable[[random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    def damage(data: bytes, rng: random.Random) -> bytes:
        start = rng.randrange(0, len(data) - 512, 512) or 512
        return data[:start] + filler(rng) + data[start + 512 :]

    return damage


def bytes_lost(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(700, len(data) - 100)
    return data[:start] + data[start + rng.randrange(1, 64) :]


DAMAGE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut short": cut,
    "one bit flipped": one_bit,
    "one byte of the header changed": one_header_byte,
    "a 512-byte sector zeroed": sector_of(lambda _: bytes(512)),
    "a 512-byte sector of noise": sector_of(lambda rng: rng.randbytes(512)),
    "1 to 63 bytes lost in the middle": bytes_lost,
}


def ours(data: bytes) -> Pixels | None:
    image = decode_rgb(data, DecodeLimits())
    return None if isinstance(image, Refusal) else np.asarray(image)


def plain_pillow(data: bytes) -> Pixels | None:
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(data)) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > DecodeLimits().max_pixels:
                return None
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        return None


def outcome(pixels: Pixels | None, original: Pixels) -> str:
    if pixels is None:
        return "refused"
    return "same pixels" if np.array_equal(pixels, original) else "other pixels"


def tally(damage: Callable[[bytes, random.Random], bytes], files: list[bytes]) -> tuple[Counter, Counter]:
    """Return the outcomes of ours and of plain Pillow over the same mutants."""
    rng, mine, pillows = random.Random(SEED), Counter(), Counter()
    originals = [np.asarray(Image.open(BytesIO(data)).convert("RGB")) for data in files]
    for number in range(MUTANTS_PER_KIND):
        data, original = files[number % len(files)], originals[number % len(files)]
        mutant = damage(data, rng)
        mine[outcome(ours(mutant), original)] += 1
        pillows[outcome(plain_pillow(mutant), original)] += 1
    return mine, pillows


def row(name: str, mine: Counter, pillows: Counter) -> tuple[object, ...]:
    outcomes = ("refused", "same pixels", "other pixels")
    return (name, *(mine[kind] for kind in outcomes), *(pillows[kind] for kind in outcomes))


def main() -> None:
    small = [photo.resize((500, 375), Image.Resampling.LANCZOS) for photo in photos().values()]
    files = [as_jpeg(photo, progressive=number % 3 == 2) for number, photo in enumerate(small)]
    rows, all_mine, all_pillows = [], Counter(), Counter()
    for name, damage in DAMAGE.items():
        mine, pillows = tally(damage, files)
        rows.append(row(name, mine, pillows))
        all_mine += mine
        all_pillows += pillows
    rows.append(row("**all**", all_mine, all_pillows))
    head = ("damage", "refused", "same pixels", "**other pixels**")
    head += ("Pillow alone: refused", "same pixels", "**other pixels**")
    write_between_markers("refusals.md", "damage that passes", markdown_table(head, rows))


if __name__ == "__main__":
    main()
