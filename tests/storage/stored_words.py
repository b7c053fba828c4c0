"""Words stored for the tests of them, each with a vector that tells its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from storage.word_vectors import WordVectors, create_word_vectors, open_word_vectors

DIMENSIONS = 3


def vectors_of(words: list[str], *, first: int = 0) -> np.ndarray:
    numbers = np.arange(first * DIMENSIONS, (first + len(words)) * DIMENSIONS)
    return numbers.reshape(-1, DIMENSIONS).astype(np.float32)


def stored(folder: Path, words: list[str], *, per_block: int = 3, counted: bool = False) -> WordVectors:
    with create_word_vectors(folder, dimensions=DIMENSIONS) as writer:
        for first in range(0, len(words), per_block):
            block = words[first : first + per_block]
            counts = np.arange(len(words), 0, -1)[first : first + per_block] if counted else None
            writer.append(block, vectors_of(block, first=first), counts=counts)
    assert {path.name for path in writer.files} == {path.name for path in folder.iterdir()}
    return open_word_vectors(folder)
