"""The nouns that a picture is nearest to, each notion once. Pure: a vector and word maps in, nouns out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storage.word_maps import WordMap
from tasks.ops.exact_search import nearest_rows
from tasks.ops.search_results import NounHit
from tasks.ops.word_rules import POLICY
from tasks.ops.word_space import NounSpace

SHARED = 1000
"""More nouns than have one vector: so many are looked through beyond those that are wanted."""
_RANK = {rule.name: place for place, rule in enumerate(POLICY)}


def nearest_nouns(
    vector: NDArray[np.float32],
    nouns: WordMap,
    space: NounSpace,
    rows: NDArray[np.int64],
    classes: frozenset[str],
    *,
    count: int,
) -> tuple[NounHit, ...]:
    """Return the `count` of the nouns `rows` nearest in `space` to `vector`, `(d,)` of length 1, the nearest first.

    All of `rows` have a vector. Of nouns with one and the same vector there is one: one of `classes`, which are wnids,
    else the one whose own word the vector is.
    """
    # Equal vectors have equal cosines, and come together.
    units = space.units(rows)
    found = nearest_rows(vector[None], units, count=count + SHARED)
    of_vector: dict[bytes, list[tuple[int, float]]] = {}
    for place, cosine in zip(found.rows[0].tolist(), found.cosines[0].tolist(), strict=True):
        of_vector.setdefault(units[place].tobytes(), []).append((int(rows[place]), cosine))

    def preference(each: tuple[int, float]) -> tuple[bool, int, int]:
        row = each[0]
        return nouns.names[row] not in classes, _RANK.get(nouns.rules[row], len(_RANK)), row

    chosen = [min(group, key=preference) for group in of_vector.values()]
    return tuple(_noun_hit(nouns, row, cosine, classes) for row, cosine in chosen[:count])


def _noun_hit(nouns: WordMap, row: int, cosine: float, classes: frozenset[str]) -> NounHit:
    branch, gloss = (nouns.table[column][row].as_py() for column in ("branch", "gloss"))
    wnid = nouns.names[row]
    return NounHit(wnid, nouns.labels[row], branch, gloss, cosine, wnid in classes)
