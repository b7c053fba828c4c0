"""Word vectors on disk: a folder of files that numpy alone reads, opened in a moment however many words there are.

vectors.npy   (n, dimensions) <f4    a row for each word, in the order in which they were given: the most frequent first
words.txt                            the words, UTF-8, each ended by a line feed; bytes that were no UTF-8 as they were
ends.npy      (n,) <u8               where in words.txt the line feed of each word stands
exact.npy     (2, n) <u4             CRC-32 (zlib's) of each word's bytes, ascending, and below it the row of that word
lower.npy     (2, n) <u4             the same for each word in lower case
counts.npy    (n,) <u8               how often each word occurred, where that is known

Equal CRCs stand in the order of their rows, so the first that fits is the first that was given. A word is looked up by
bisection, and what a table says is compared with words.txt: damage is found or nothing is, never a wrong row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from storage.durable import remove
from storage.errors import DamagedDataset, named_disk_errors
from storage.npy_files import NpyWriter, mapped_file, mapped_npy

MOST_WORD_BYTES = 4096
MOST_WORDS = 2**32
VECTORS, WORDS, ENDS, EXACT, LOWER, COUNTS = (
    "vectors.npy",
    "words.txt",
    "ends.npy",
    "exact.npy",
    "lower.npy",
    "counts.npy",
)
_LINE_FEED = b"\n"


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
        content = _encoded(word)
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
        content = _encoded(lowered)
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
            content = _encoded(content.decode("utf-8", "surrogateescape").lower()) or b""
        return crc32(content)

    def _content(self, row: int) -> bytes:
        """Return the bytes of a row's word, if they are one line of words.txt."""
        start = self._ends[row - 1] + 1 if row else 0
        end = self._ends[row]
        if 0 <= start <= end < len(self._words) and end - start <= MOST_WORD_BYTES:
            line = self._words[start : end + 1]
            starts_line = not start or self._words[start - 1 : start] == _LINE_FEED
            if starts_line and line.find(_LINE_FEED) == len(line) - 1:
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
        self._words.write(_LINE_FEED.join(contents) + _LINE_FEED)
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


def _encoded(word: str) -> bytes | None:
    """Return the bytes of a word, or None for one that stands for no bytes, and so is nowhere stored."""
    try:
        return word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None


def _contents(words: Sequence[str]) -> list[bytes]:
    """Return the bytes of each word.

    Raises:
        ValueError: a word holds a line feed or stands for no bytes.
    """
    # Joined, all are encoded at once.
    content = _encoded("\n".join(words))
    contents = [] if content is None else content.split(_LINE_FEED)
    if len(contents) != len(words):
        bad = next(word for word in words if "\n" in word or _encoded(word) is None)
        raise ValueError(f"a word may hold no line feed and no lone surrogate that stands for no byte, as {bad!r} does")
    return contents


def _lowered(words: Sequence[str], contents: list[bytes]) -> list[bytes]:
    """Return the bytes of each word in lower case."""
    # The lower case of ASCII is cheap, that of all other letters is not, and few words have any.
    lowered = _LINE_FEED.join(contents).lower().split(_LINE_FEED)
    for place, word in enumerate(words):
        if not word.isascii():
            lowered[place] = word.lower().encode("utf-8", "surrogateescape")
    return lowered


def _crcs(contents: list[bytes]) -> NDArray[np.uint32]:
    return np.fromiter(map(crc32, contents), np.uint32, len(contents))
