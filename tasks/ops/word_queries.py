"""Questions to word vectors: what is near, how near two are, and what a misspelt word was meant to be.

Exact and by numpy alone: all 82,115 nouns in 300 dimensions take a few milliseconds. Pure: arrays and words in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOOKED_AT = 300
"""So many words that share most pairs of letters with a misspelt one are compared letter by letter."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row, and the cosine between its vector and the one asked for."""

    row: int
    cosine: float


def centred(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors less their mean, `(n, dimensions)`: trained on WordNet, all lean one way (cosines near .99)."""
    return vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)


def unit_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors scaled to length 1, `(n, dimensions)` float32; one that is all zeros stays so."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    lengths[lengths == 0] = 1
    return (vectors / lengths[:, None]).astype(np.float32)


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the cosine between two vectors, in [-1, 1]; 0 where one is all zeros."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(first @ second / length, -1, 1)) if length else 0.0


def nearest(
    query: NDArray[np.float32], units: NDArray[np.float32], *, count: int = 10, leave_out: Collection[int] = ()
) -> list[Neighbour]:
    """Return the `count` rows of `units`, vectors of length 1, with the largest cosine to `query`, the nearest first.

    Of equal ones the earlier row comes first. Rows in `leave_out`, such as that of the query, are passed over.

    Raises:
        ValueError: the query has other dimensions, or numbers that are not finite.
    """
    if query.shape != units.shape[1:] or not np.isfinite(query).all():
        raise ValueError(f"expected {units.shape[1]} finite numbers to look for, got an array of shape {query.shape}")
    cosines = units @ unit_vectors(query[None])[0]
    cosines[list(leave_out)] = -np.inf
    wanted = min(count, len(units) - len(set(leave_out)))
    if wanted < 1:
        return []
    # All that are as near as the last one wanted, so that equal ones are told apart by their row, not by chance.
    least = np.partition(cosines, -wanted)[-wanted]
    rows = np.flatnonzero(cosines >= least)
    rows = rows[np.lexsort((rows, -cosines[rows]))][:wanted]
    return [Neighbour(int(row), float(cosines[row])) for row in rows]


def suggestions(word: str, known: Sequence[str], *, count: int = 5) -> list[str]:
    """Return those of `known` that somebody may have meant by `word`, the likeliest first; none that is far off.

    Case does not count, and a space is `_`. Of equally likely words the earlier one of `known` comes first.

    Raises:
        ValueError: one of `known` holds a line feed.
    """
    meant = word.strip().lower().replace(" ", "_")
    if not meant or not known:
        return []
    likeness = _likeness(meant, known)
    looked_at = np.argsort(-likeness, kind="stable")[:LOOKED_AT]
    farthest = max(1, len(meant) // 3)
    ranked: list[tuple[int, float, int]] = []
    for place in map(int, looked_at):
        if (distance := edit_distance(meant, known[place].lower())) <= farthest:
            ranked.append((distance, -float(likeness[place]), place))
    return [known[place] for _, _, place in sorted(ranked)[:count]]


def edit_distance(one: str, other: str) -> int:
    """Return how many letters to put in, leave out, replace or swap with the next make `other` of `one`.

    The optimal string alignment distance: no letter is changed twice.
    """
    before, last = [0] * (len(other) + 1), list(range(len(other) + 1))
    for place, letter in enumerate(one):
        row = [place + 1]
        for column, against in enumerate(other):
            step = min(last[column] + (letter != against), last[column + 1] + 1, row[column] + 1)
            if place and column and letter == other[column - 1] and one[place - 1] == against:
                step = min(step, before[column - 1] + 1)
            row.append(step)
        before, last = last, row
    return last[-1]


def _likeness(word: str, known: Sequence[str]) -> NDArray[np.float64]:
    """Return for each of `known` how much it shares with `word`, in [0, 2]: Dice's coefficients of bytes and of pairs.

    All words are looked at as one array; a word's pairs begin and end with the line feed around it.
    """
    text = np.frombuffer("\n".join(["", *known, ""]).lower().encode("utf-8", "surrogatepass"), np.uint8)
    breaks = np.flatnonzero(text == ord("\n"))
    if len(breaks) != len(known) + 1:
        raise ValueError("a known word holds a line feed")
    own = np.frombuffer(f"\n{word}\n".encode("utf-8", "surrogatepass"), np.uint8).astype(np.uint16)
    has_byte, has_pair = np.zeros(2**8, bool), np.zeros(2**16, bool)
    has_byte[own[1:-1]] = True
    has_pair[own[:-1] << 8 | own[1:]] = True
    lengths = np.diff(breaks) - 1
    # One number for each place: what a word has is what was counted up to its end, less what was up to its beginning.
    bytes_shared = _counted(has_byte[text], breaks)
    pairs_shared = _counted(has_pair[text[:-1].astype(np.uint16) << 8 | text[1:]], breaks)
    return 2 * bytes_shared / (lengths + len(own) - 2) + 2 * pairs_shared / (lengths + 1 + len(own) - 1)


def _counted(hits: NDArray[np.bool_], breaks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many hits lie from each break to before the next."""
    sums = np.concatenate([[0], np.cumsum(hits)])
    return sums[breaks[1:]] - sums[breaks[:-1]]
