"""Nouns and words with vectors made by hand, as a question may name them: several senses, a plural, a phrase."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from storage.word_maps import WordMap
from storage.word_vectors import WordVectors, create_word_vectors, open_word_vectors
from tests.storage.word_bundles import map_table

NOUNS = {
    "n00000001": (("crane", "hoist"), (0, 0, 3, 0)),
    "n00000002": (("crane",), (0, 0, 3, 0)),
    "n00000003": (("Crane", "Stephen_Crane"), (0, 0, 0, 1)),
    "n00000004": (("frank", "hot_dog", "dog"), (0, 1, 1, 0)),
    "n00000005": (("dog", "domestic_dog"), (1, 1, 0, 0)),
    "n00000006": (("golden_retriever",), (2, 1, 0, 0)),
    "n00000007": (("fox",), (1, 2, 0, 0)),
    "n00000008": (("in", "inch"), (0, 0, 1, 1)),
    "n00000009": (("ice-cream",), (0, 1, 0, 1)),
    "n00000010": (("unicorn", "dog"), (0, 0, 0, 0)),
}
"""wnid → lemmas and vector; the last has none. In the order of their rows."""
WORDS = {"dog": (1, 1, 0, 0), "furry": (5, 0, 0, 0), "FOX": (0, 0, 0, 1)}


def animal_map() -> WordMap:
    """The map of `NOUNS`."""
    lemmas, vectors = zip(*NOUNS.values(), strict=True)
    units = np.array(vectors, np.float32)
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-9)
    rules = tuple("exact phrase" if any(vector) else "no vector" for vector in vectors)
    return WordMap(units, map_table(tuple(NOUNS), lemmas, rules))


def animal_words(folder: Path) -> WordVectors:
    """The vectors of `WORDS`."""
    with create_word_vectors(folder, dimensions=4) as writer:
        writer.append(list(WORDS), np.array(list(WORDS.values()), np.float32))
    return open_word_vectors(folder)


def expected_vector(*vectors: tuple[float, ...]) -> np.ndarray:
    """The mean direction of vectors less the mean of all nouns, worked out one number at a time."""
    known = [_unit(vector) for _, vector in NOUNS.values() if any(vector)]
    centre = [sum(column) / len(known) for column in zip(*known, strict=True)]
    moved = [_unit([a - b for a, b in zip(_unit(vector), centre, strict=True)]) for vector in vectors]
    return np.array(_unit([sum(column) for column in zip(*moved, strict=True)]))


def _unit(vector) -> list[float]:
    length = sum(number * number for number in vector) ** 0.5
    return [number / length for number in vector]
