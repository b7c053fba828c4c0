"""Contents of word2vec files in all layouts, made without the code that reads them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.ops.word2vec_files import open_word2vec

Vectors = NDArray[np.float32]


def binary(words: list[bytes], vectors: Vectors, *, end: bytes = b"") -> bytes:
    rows = vectors.astype("<f4")
    head = b"%d %d\n" % vectors.shape
    return head + b"".join(word + b" " + row.tobytes() + end for word, row in zip(words, rows, strict=True))


def lines(words: list[bytes], vectors: Vectors, *, end: bytes = b"\n") -> bytes:
    head = b"%d %d\n" % vectors.shape
    texts = (" ".join(repr(float(number)) for number in row).encode() for row in vectors)
    return head + b"".join(word + b" " + text + end for word, text in zip(words, texts, strict=True))


LAYOUTS: dict[str, Callable[[list[bytes], Vectors], bytes]] = {
    "binary": binary,
    "binary with line breaks": lambda words, vectors: binary(words, vectors, end=b"\n"),
    "binary, gzipped": lambda words, vectors: gzip.compress(binary(words, vectors), 1),
    "text": lines,
    "text with spaces at the end, as fastText": lambda words, vectors: lines(words, vectors, end=b" \n"),
    "text from Windows": lambda words, vectors: lines(words, vectors, end=b"\r\n"),
    "text, gzipped": lambda words, vectors: gzip.compress(lines(words, vectors), 1),
}


def random_vectors(count: int, dimensions: int, *, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


def read(path: Path) -> tuple[list[str], Vectors]:
    file = open_word2vec(path)
    blocks = list(file.blocks())
    words = [word for block, _ in blocks for word in block]
    return words, np.concatenate([np.empty((0, file.dimensions), np.float32), *(vectors for _, vectors in blocks)])


def written(folder: Path, content: bytes) -> Path:
    path = folder / "vectors"
    path.write_bytes(content)
    return path
