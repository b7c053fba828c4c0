"""Writes stored word vectors, block by block; `word_vectors.create_word_vectors` makes the folder and tidies up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
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
    """Appends words with their vectors. In memory it keeps 8 bytes for each word, and at most 24 while it finishes."""

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
        content = _lines(words)
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord(LINE_FEED))
        lengths = np.diff(ends, prepend=-1) - 1
        if lengths.max() > MOST_WORD_BYTES:
            longest = words[int(lengths.argmax())]
            raise ValueError(
                f"a word may take {MOST_WORD_BYTES:,} bytes, and {longest[:40]!r}… takes {lengths.max():,}"
            )
        contents = content.split(LINE_FEED)[:-1]
        crcs = np.fromiter(map(crc32, contents), np.uint32, len(contents))
        self._exact.append(crcs)
        self._lower.append(_crcs_of_lower(crcs, words, content, ends))
        self._words.write(content)
        self._ends.append(self._bytes + ends)
        self._bytes += len(content)

    def _array(self, name: str, dtype: str, row_shape: tuple[int, ...] = ()) -> NpyWriter:
        writer = NpyWriter(self.folder / name, dtype, row_shape)
        self._resources.callback(writer.close)
        return writer

    def finish(self) -> None:
        """Write the index; `create_word_vectors` calls it at the end."""
        for name, crcs in ((EXACT, self._exact), (LOWER, self._lower)):
            # One number of a row and, in its upper half, a CRC sorts by both.
            keys = np.empty(self._rows, "<u8")
            halves = keys.view("<u4").reshape(-1, 2)
            halves[:, 0] = np.arange(self._rows, dtype=np.uint32)
            halves[:, 1] = np.concatenate([np.empty(0, np.uint32), *crcs])
            crcs.clear()
            keys.sort()
            table = self._array(name, "<u4", (self._rows,))
            table.append(halves[None, :, 1])
            table.append(halves[None, :, 0])
            table.finish()
        for array in (self._vectors, self._ends, self._counts):
            if array is not None:
                array.finish()


def _lines(words: Sequence[str]) -> bytes:
    """Return the bytes of all words, each ended by a line feed.

    Raises:
        ValueError: a word holds a line feed or stands for no bytes.
    """
    # Joined, all are encoded at once.
    content = encoded("\n".join([*words, ""]))
    if content is None or content.count(LINE_FEED) != len(words):
        bad = next(word for word in words if "\n" in word or encoded(word) is None)
        raise ValueError(f"a word may hold no line feed and no lone surrogate that stands for no byte, as {bad!r} does")
    return content


def _crcs_of_lower(
    crcs: NDArray[np.uint32], words: Sequence[str], content: bytes, ends: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """Return the CRC of each word in lower case, from the CRC of the word as it is spelled.

    The words are the lines of `content`, whose line feeds stand at `ends`.
    """
    letters = np.frombuffer(content, np.uint8)
    capitals = np.flatnonzero((letters >= ord("A")) & (letters <= ord("Z")))
    rows = np.searchsorted(ends, capitals)
    lowered = crcs.copy()
    np.bitwise_xor.at(lowered, rows, _changes()[ends[rows] - 1 - capitals])
    # In other alphabets a letter's lower case may depend on what is around it, but few words have any.
    for row in map(int, np.unique(np.searchsorted(ends, np.flatnonzero(letters > 127)))):
        lowered[row] = crc32(words[row].lower().encode("utf-8", "surrogateescape"))
    return lowered


@cache
def _changes() -> NDArray[np.uint32]:
    """Return what turns the CRC of a word into that of the word with one ASCII capital made small, by exclusive or.

    CRC-32 is linear: that depends neither on the word nor on the letter, only on how many bytes follow the letter,
    which are 0 for the first number. Where there are several capitals, their changes add up.
    """
    changes: list[int] = []
    flipped, same = crc32(b"\x20"), crc32(b"\0")
    for _ in range(MOST_WORD_BYTES):
        changes.append(flipped ^ same)
        flipped, same = crc32(b"\0", flipped), crc32(b"\0", same)
    return np.array(changes, np.uint32)
