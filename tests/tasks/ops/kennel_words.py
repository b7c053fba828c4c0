"""Word maps of the seven nouns of `KENNEL`, with vectors made by hand: every noun is found by another rule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storage.word_vectors import WordVectors, create_word_vectors, open_word_vectors
from tasks.ops.wordnet_nouns import Noun, read_nouns
from tests.tasks.ops.wordnet_examples import KENNEL, write_wordnet

VECTORS = {
    "the": (0, 0, 0, 5),
    "animal": (2, 0, 0, 0),
    "dog": (3, 3, 0, 0),
    "cat": (0, 4, 0, 0),
    "Pack": (0, 0, 1, 0),
    "Violin": (0, 1, 1, 0),
}
"""In the order of their rows. Of other lengths than 1, as trained ones are."""
RULES = {
    "n00000010": "exact phrase",
    "n00000020": "exact phrase",
    "n00000030": "head word",
    "n00000040": "hypernym",
    "n00000050": "exact phrase",
    "n00000060": "case variant",
    "n00000070": "no vector",
}


@dataclass(frozen=True)
class Kennel:
    """The nouns, their WordNet, and words that have a vector."""

    wordnet: Path
    nouns: dict[str, Noun]
    words: WordVectors


def make_kennel(root: Path) -> Kennel:
    """Write WordNet and vectors below `root`."""
    wordnet = write_wordnet(root / "wordnet", KENNEL)
    with create_word_vectors(root / "vectors", dimensions=4) as writer:
        writer.append(list(VECTORS), np.array(list(VECTORS.values()), np.float32))
    return Kennel(wordnet, read_nouns(wordnet), open_word_vectors(root / "vectors"))
