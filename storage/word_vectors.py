"""Word vectors on disk: a folder of files that is opened in a moment however many words there are.

What its files hold stands in `word_vector_files`. A word is looked up by bisection, and what a table says is compared
with words.txt: damage is found or nothing is, never a wrong row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from storage.durable import remove
from storage.errors import DamagedDataset, named_disk_errors
from storage.npy_files import mapped_file, mapped_npy
from storage.word_vector_files import COUNTS, ENDS, EXACT, LINE_FEED, LOWER, MOST_WORD_BYTES, VECTORS, WORDS, encoded
from storage.word_vector_writer import WordVectorWriter


class WordVectors:
    """Words and their vectors, memory-mapped. Nothing is read before it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vectors: NDArray[np.float32] = mapped_npy(folder / VECTORS, "<f4", 2)
        """`(n, dimensions)` float32, read-only."""
        self.counts: NDArray[np.uint64] | None = None
        """`(n,)` uint64, or None where nobody counted."""
        if (folder / COUNTS).exists():
            self.counts = mapped_npy(folder / COUNTS, "<u8", 1)
        self._words = mapped_file(folder / WORDS)
        ends, exact, lower = (
            mapped_npy(folder / name, dtype, dimensions)
            for name, dtype, dimensions in ((ENDS, "<u8", 1), (EXACT, "<u4", 2), (LOWER, "<u4", 2))
        )
        self._require_lengths(ends, exact, lower)
        # A memory view gives plain numbers several times faster than an array does.
        self._ends = ends.data
        self._tables = {name: (table[0].data, table[1].data) for name, table in ((EXACT, exact), (LOWER, lower))}

    @property
    def dimensions(self) -> int:
        return self.vectors.shape[1]

    def __len__(self) -> int:
        return len(self.vectors)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.row(word) is not None

    def row(self, word: str) -> int | None:
        """Return the row of a word as it is spelled, the first if there are several.

        Raises:
            DamagedDataset: the index says something that the words do not.
        """
        content = encoded(word)
        if content is None:
            return None
        crc = crc32(content)
        for row in self._rows(EXACT, crc):
            found = self._content(row)
            if found == content:
                return row
            if crc32(found) != crc:
                raise self._damaged(EXACT, f"row {row} is not the word that it tells of")
        return None

    def row_of_lower(self, word: str) -> int | None:
        """Return the first row, that of the most frequent spelling, whose word is `word` but for upper and lower case.

        Raises:
            DamagedDataset: the index says something that the words do not.
        """
        lowered = word.lower()
        content = encoded(lowered)
        if content is None:
            return None
        crc = crc32(content)
        for row in self._rows(LOWER, crc):
            if self.word(row).lower() == lowered:
                return row
            if self._crc(LOWER, row) != crc:
                raise self._damaged(LOWER, f"row {row} is not the word that it tells of")
        return None

    def word(self, row: int) -> str:
        """Return the word of a row; bytes that are no UTF-8 are lone surrogates (PEP 383).

        Raises:
            IndexError: there is no such row.
            DamagedDataset: the word is not the one that was stored.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"{self.folder} has rows 0 to {len(self) - 1}, and no row {row}")
        content = self._content(row)
        if row not in self._rows(EXACT, crc32(content)):
            raise self._damaged(WORDS, f"the word of row {row} is not in the index")
        return content.decode("utf-8", "surrogateescape")

    def _rows(self, name: str, crc: int) -> list[int]:
        """Return the rows that a table has for a CRC, in ascending order, having made sure that it lost none."""
        crcs, rows = self._tables[name]
        first = last = bisect_left(crcs, crc)
        while last < len(crcs) and crcs[last] == crc:
            last += 1
        found = list(rows[first:last])
        if not found:
            return found
        # A CRC that changed leaves its entry where it was: just before those that it belongs to.
        before = list(rows[first - 1 : first]) if first else []
        if any(one >= other for one, other in pairwise(found)) or max(found + before) >= len(self):
            raise self._damaged(name, f"it tells of rows {found}, and before them of {before}, of {len(self)}")
        if any(self._crc(name, row) == crc for row in before):
            raise self._damaged(name, f"row {before[0]} does not stand where it belongs")
        return found

    def _crc(self, name: str, row: int) -> int:
        """Return what a table should have for a row."""
        content = self._content(row)
        if name == LOWER:
            content = encoded(content.decode("utf-8", "surrogateescape").lower()) or b""
        return crc32(content)

    def _content(self, row: int) -> bytes:
        """Return the bytes of a row's word, if they are one line of words.txt."""
        start = self._ends[row - 1] + 1 if row else 0
        end = self._ends[row]
        if 0 <= start <= end < len(self._words) and end - start <= MOST_WORD_BYTES:
            line = self._words[start : end + 1]
            starts_line = not start or self._words[start - 1 : start] == LINE_FEED
            if starts_line and line.find(LINE_FEED) == len(line) - 1:
                return line[:-1]
        raise self._damaged(ENDS, f"row {row} is told to be bytes {start} to {end} of {WORDS}, which are no line")

    def _require_lengths(self, ends: NDArray[Any], exact: NDArray[Any], lower: NDArray[Any]) -> None:
        """Check that all files tell of the same number of words, and that the last ends where the words do."""
        count = len(self)
        shapes = {ENDS: (ends.shape, (count,)), EXACT: (exact.shape, (2, count)), LOWER: (lower.shape, (2, count))}
        if self.counts is not None:
            shapes[COUNTS] = self.counts.shape, (count,)
        for name, (shape, wanted) in shapes.items():
            if shape != wanted:
                raise self._damaged(name, f"it has the shape {shape}, and {VECTORS} has {count} rows")
        size = int(ends[-1]) + 1 if count else 0
        if size != len(self._words):
            raise self._damaged(WORDS, f"it has {len(self._words)} bytes, and {ENDS} tells of {size}")

    def _damaged(self, name: str, what: str) -> DamagedDataset:
        return DamagedDataset(
            f"{self.folder / name} is damaged: {what}", path=self.folder / name, remedy="make the word vectors anew"
        )


def open_word_vectors(folder: Path) -> WordVectors:
    """Open a folder that `create_word_vectors` wrote. It must stay as it is while it is open: it is memory-mapped.

    Raises:
        DamagedDataset: a file is missing, or its size or header is not what it was.
    """
    return WordVectors(folder)


@contextmanager
def create_word_vectors(folder: Path, *, dimensions: int) -> Iterator[WordVectorWriter]:
    """Make `folder` and give a writer for it. After an error nothing of it is left; syncing is the caller's.

    Raises:
        FileExistsError: the folder is there already.
        DiskFull, DiskFailed: it cannot be written.
    """
    if dimensions < 1:
        raise ValueError(f"vectors must have at least 1 dimension, got {dimensions}")
    folder.mkdir()
    try:
        with ExitStack() as resources:
            writer = WordVectorWriter(folder, dimensions, resources)
            yield writer
            with named_disk_errors(folder, doing="word vectors were written"):
                writer.finish()
                resources.close()
    except BaseException:
        remove(folder)
        raise
