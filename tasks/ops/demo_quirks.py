"""Which file of the demonstration set is odd or broken, and how: known without drawing anything.

Kinds are dealt from shuffled decks rather than thrown as dice, so that every set of some size holds each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from storage.refused import Reason
from tasks.ops.demo_spec import DemoSpec


class Quirk(StrEnum):
    """How a file differs from a plain baseline RGB JPEG."""

    NONE = "none"
    PROGRESSIVE = "progressive"
    GREY = "grey"
    CMYK = "cmyk"
    ORIENTATION_3 = "orientation-3"
    ORIENTATION_6 = "orientation-6"
    ORIENTATION_8 = "orientation-8"
    PNG = "png"
    PNG_ALPHA = "png-alpha"
    PNG_PALETTE = "png-palette"
    PNG_16_BIT = "png-16-bit"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    EMPTY = "empty"
    WEB_PAGE = "web-page"
    PIXEL_BOMB = "pixel-bomb"
    SCAN_BOMB = "scan-bomb"


REASONS: Mapping[Quirk, Reason] = MappingProxyType(
    {
        Quirk.TRUNCATED: Reason.TRUNCATED,
        Quirk.CORRUPT: Reason.CORRUPT,
        Quirk.EMPTY: Reason.EMPTY,
        Quirk.WEB_PAGE: Reason.UNKNOWN_FORMAT,
        Quirk.PIXEL_BOMB: Reason.TOO_MANY_PIXELS,
        Quirk.SCAN_BOMB: Reason.TOO_MANY_SCANS,
    }
)
"""The broken kinds, and why each must be refused."""

SHARES: Mapping[Quirk, int] = MappingProxyType(
    {
        Quirk.PROGRESSIVE: 30,
        Quirk.GREY: 15,
        Quirk.CMYK: 8,
        Quirk.ORIENTATION_3: 5,
        Quirk.ORIENTATION_6: 8,
        Quirk.ORIENTATION_8: 5,
        Quirk.PNG: 6,
        Quirk.PNG_ALPHA: 3,
        Quirk.PNG_PALETTE: 3,
        Quirk.PNG_16_BIT: 2,
    }
)
"""How many of each 1,000 files are odd but sound."""

DECK = 1000
LARGE_SET = 1500
"""From this many files on, one in 250 is broken; in smaller sets one in 125, still below 1%."""


def quirk_of(spec: DemoSpec, class_index: int, image_index: int) -> Quirk:
    """Return the quirk of one file; where a broken and a sound one meet, it is broken."""
    number = class_index * spec.images_per_class + image_index
    stretch = 250 if spec.total >= LARGE_SET else 125
    block, place = divmod(number, stretch)
    # A block cut short by the end of the set holds none, or the share could exceed 1%.
    is_whole = (block + 1) * stretch <= spec.total
    if is_whole and place == _broken_place(spec.seed, block, stretch):
        return list(REASONS)[(block + spec.seed) % len(REASONS)]
    return _deck(spec.seed, number // DECK)[number % DECK]


@lru_cache(maxsize=256)
def _broken_place(seed: int, block: int, stretch: int) -> int:
    return int(np.random.default_rng(np.random.SeedSequence([seed, block, stretch])).integers(stretch))


@lru_cache(maxsize=16)
def _deck(seed: int, block: int) -> tuple[Quirk, ...]:
    cards = [quirk for quirk, share in SHARES.items() for _ in range(share)]
    cards += [Quirk.NONE] * (DECK - len(cards))
    order = np.random.default_rng(np.random.SeedSequence([seed, block])).permutation(DECK)
    return tuple(cards[index] for index in order)
