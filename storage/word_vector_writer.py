"""Writes stored word vectors, block by block; `word_vectors.create_word_vectors` makes the folder and tidies up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from storage.errors import named_disk_errors
from storage.npy_files import NpyWriter
from storage.word_vector_files import (
    COUNTS,
    ENDS,
    EXACT,
    LINE_FEED,
    LOWER,
    MOST_WORD_BYTES,
    MOST_WORDS,
    VECTORS,
    WORDS,
    encoded,
)


class WordVectorWriter:
    """Appends words with their vectors. In memory it keeps 8 bytes for each word, and at most 32 while it finishes."""

    def __init__(self, folder: Path, dimensions: int, resources: ExitStack) -> None:
        self.folder, self.dimensions = folder, dimensions
        self._resources = resources
        self._vectors = self._array(VECTORS, "<f4", (dimensions,))
        self._ends = self._array(ENDS, "<u8")
        self._counts: NpyWriter | None = None
        self._words = resources.enter_context(open(folder / WORDS, "xb"))  # noqa: SIM115 (the stack closes it)
        self._exact: list[NDArray[np.uint32]] = []
        self._lower: list[NDArray[np.uint32]] = []
        self._rows = self._bytes = 0

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the folder, all whole once the `with` that made the writer has ended."""
        names = (VECTORS, WORDS, ENDS, EXACT, LOWER, *((COUNTS,) if self._counts else ()))
        return tuple(self.folder / name for name in names)

    def append(
        self, words: Sequence[str], vectors: NDArray[np.float32], *, counts: NDArray[np.integer[Any]] | None = None
    ) -> None:
        """Add words in the order of their frequency, the most frequent first, with `(n, dimensions)` vectors.

        Raises:
            ValueError: the shapes do not fit together, some words came with counts and some without, or a word
                holds a line feed, more than `MOST_WORD_BYTES` or lone surrogates that stand for no byte.
        """
        if vectors.shape != (len(words), self.dimensions):
            wanted = (len(words), self.dimensions)
            raise ValueError(f"expected vectors of shape {wanted} for {len(words)} words, got {vectors.shape}")
        if self._rows + len(words) > MOST_WORDS:
            raise ValueError(f"at most {MOST_WORDS:,} words can be stored")
        with named_disk_errors(self.folder, doing="word vectors were written"):
            self._append_counts(counts, len(words))
            if words:
                self._append_words(words)
            self._vectors.append(vectors)
        self._rows += len(words)

    def _append_counts(self, counts: NDArray[np.integer[Any]] | None, wanted: int) -> None:
        if self._rows == 0 and counts is not None and self._counts is None:
            self._counts = self._array(COUNTS, "<u8")
        if (counts is None) != (self._counts is None):
            raise ValueError(f"expected counts for all words or for none; from word {self._rows} on it is otherwise")
        if self._counts is not None and counts is not None:
            if counts.shape != (wanted,) or (counts < 0).any():
                raise ValueError(f"expected {wanted} counts from 0 up, got an array of shape {counts.shape}")
            self._counts.append(counts)

    def _append_words(self, words: Sequence[str]) -> None:
        contents = _contents(words)
        lengths = np.fromiter(map(len, contents), np.int64, len(contents))
        if lengths.max() > MOST_WORD_BYTES:
            longest = words[int(lengths.argmax())]
            raise ValueError(
                f"a word may take {MOST_WORD_BYTES:,} bytes, and {longest[:40]!r}… takes {lengths.max():,}"
            )
        self._exact.append(_crcs(contents))
        self._lower.append(_crcs(_lowered(words, contents)))
        self._words.write(LINE_FEED.join(contents) + LINE_FEED)
        self._ends.append(self._bytes + np.cumsum(lengths + 1) - 1)
        self._bytes += int(lengths.sum()) + len(contents)

    def _array(self, name: str, dtype: str, row_shape: tuple[int, ...] = ()) -> NpyWriter:
        writer = NpyWriter(self.folder / name, dtype, row_shape)
        self._resources.callback(writer.close)
        return writer

    def finish(self) -> None:
        """Write the index; `create_word_vectors` calls it at the end."""
        for name, crcs in ((EXACT, self._exact), (LOWER, self._lower)):
            # One number of CRC and row sorts by both.
            keys = np.concatenate([np.empty(0, np.uint32), *crcs]).astype(np.uint64)
            crcs.clear()
            keys <<= np.uint64(32)
            keys |= np.arange(len(keys), dtype=np.uint32)
            keys.sort()
            table = self._array(name, "<u4", (self._rows,))
            table.append((keys >> np.uint64(32)).astype(np.uint32)[None])
            table.append(keys.astype(np.uint32)[None])
            table.finish()
        for array in (self._vectors, self._ends, self._counts):
            if array is not None:
                array.finish()


def _contents(words: Sequence[str]) -> list[bytes]:
    """Return the bytes of each word.

    Raises:
        ValueError: a word holds a line feed or stands for no bytes.
    """
    # Joined, all are encoded at once.
    content = encoded("\n".join(words))
    contents = [] if content is None else content.split(LINE_FEED)
    if len(contents) != len(words):
        bad = next(word for word in words if "\n" in word or encoded(word) is None)
        raise ValueError(f"a word may hold no line feed and no lone surrogate that stands for no byte, as {bad!r} does")
    return contents


def _lowered(words: Sequence[str], contents: list[bytes]) -> list[bytes]:
    """Return the bytes of each word in lower case."""
    # The lower case of ASCII is cheap, that of all other letters is not, and few words have any.
    lowered = LINE_FEED.join(contents).lower().split(LINE_FEED)
    for place, word in enumerate(words):
        if not word.isascii():
            lowered[place] = word.lower().encode("utf-8", "surrogateescape")
    return lowered


def _crcs(contents: list[bytes]) -> NDArray[np.uint32]:
    return np.fromiter(map(crc32, contents), np.uint32, len(contents))
