"""A file in Google's format, made without our code, whose vectors agree with WordNet: relations hold in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.ops.wordnet_nouns import Noun

DIMENSIONS = 16


def write_noun_vectors(path: Path, nouns: Mapping[str, Noun], *, without: Collection[str] = ()) -> list[str]:
    """Write a vector for the first lemma of each noun, but for those in `without`; return the words.

    Each noun has a direction of its own, added to most of what its hypernym has.
    """
    own = np.random.default_rng(3).standard_normal((len(nouns), DIMENSIONS))
    rows = {wnid: row for row, wnid in enumerate(nouns)}
    made: dict[str, NDArray[np.float64]] = {}

    def vector(wnid: str) -> NDArray[np.float64]:
        if wnid not in made:
            above = nouns[wnid].hypernyms
            made[wnid] = own[rows[wnid]] + (0.9 * vector(above[0]) if above else 0)
        return made[wnid]

    words: dict[str, NDArray[np.float64]] = {}
    for wnid, noun in nouns.items():
        if noun.lemmas[0] not in without:
            words.setdefault(noun.lemmas[0], vector(wnid))
    with path.open("wb") as file:
        file.write(b"%d %d\n" % (len(words), DIMENSIONS))
        for word, numbers in words.items():
            file.write(word.encode() + b" " + numbers.astype("<f4").tobytes() + b"\n")
    return list(words)
