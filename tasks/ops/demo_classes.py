"""The classes of the demonstration set: WordNet 3.0 noun synsets that an emoji depicts, from a table made by hand."""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("emoji_synsets.tsv")


@dataclass(frozen=True, slots=True)
class DemoClass:
    """A synset by its ImageNet name (n and the WordNet 3.0 offset), its first lemma, and the emoji that depict it."""

    wnid: str
    lemma: str
    codepoints: tuple[int, ...]


@cache
def demo_classes() -> tuple[DemoClass, ...]:
    """Return all classes in an order that mixes animals, foods and things, so that the first N are a fair sample."""
    drawings: dict[tuple[str, str], list[int]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            drawings.setdefault((row["wnid"], row["lemma"]), []).append(int(row["codepoint"], 16))
    classes = [DemoClass(wnid, lemma, tuple(points)) for (wnid, lemma), points in drawings.items()]
    return tuple(sorted(classes, key=lambda each: (zlib.crc32(each.wnid.encode()), each.wnid)))
