"""Reads word vectors in the formats of Google's word2vec: binary, the same gzipped, or text, told apart by content.

A file may come from anybody and hold 3.4 GB. It is read once, a few megabytes at a time, and what its first line says
is compared with its size before any memory is taken.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MOST_WORD_BYTES = 1024
"""word2vec itself cuts words off at 100 bytes; a longer one than this means that records are not where they should."""
MOST_DIMENSIONS = 65_536
BLOCK_BYTES = 1024 * 1024
"""What is read at a time: small enough to stay in the processor's cache while it is looked through."""

WordBlock = tuple[list[str], NDArray[np.float32]]
"""Words, and their vectors, `(n, dimensions)` float32 that belong to the caller."""

_HEADER = re.compile(rb"(\d{1,15})[ \t](\d{1,9})[ \t\r]*\n")
_HEADER_BYTES = 64
_NUMBER_BYTES = 64
"""More than a number of a text file takes."""
_GZIP = b"\x1f\x8b"
_LINE_BREAK_INSIDE = re.compile(rb"[^ \n]\n")


@dataclass(frozen=True, slots=True)
class Word2VecFile:
    """A file whose first line was read: `count` records of `dimensions` numbers, from byte `first` on."""

    path: Path
    count: int
    dimensions: int
    layout: Literal["binary", "text"]
    gzipped: bool
    first: int

    def blocks(self) -> Iterator[WordBlock]:
        """Yield all words with their vectors in the order of the file, some thousands at a time.

        Words are UTF-8; bytes that are not valid become lone surrogates (PEP 383), so that encoding with
        `surrogateescape` gives them back. Line breaks before a word are no part of it, as in gensim. Nothing is
        left out: a word that occurs twice comes twice.

        Raises:
            ValueError: the file ends too early or goes on too long, a word or a line is not as it should be, or a
                number is not finite. The message names the record, counted from 1, and the byte at which it begins;
                of a gzipped file that is a byte of what is in it.
        """
        with _opened(self.path) as stream:
            stream.skip(self.first)
            yield from _checked(self, (_binary_blocks if self.layout == "binary" else _text_blocks)(self, stream))


def open_word2vec(path: Path) -> Word2VecFile:
    """Read the first line of a file and find out its layout; look at no more than its first record.

    Raises:
        ValueError: it does not begin with a line that gives the number of records and that of dimensions, or it is
            too small for them.
    """
    with _opened(path) as stream:
        head = stream.line(_HEADER_BYTES)
        found = _HEADER.fullmatch(head)
        if not found:
            raise ValueError(
                f"{path}: expected a first line with the number of words and that of dimensions, such as "
                f"'3000000 300', found {_shown(head)}. Put such a line in front if it is a file of plain lines (GloVe)"
            )
        count, dimensions = int(found[1]), int(found[2])
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"{path}: expected 1 to {MOST_DIMENSIONS:,} dimensions at byte 0, found {dimensions:,}")
        start = stream.line(MOST_WORD_BYTES + _NUMBER_BYTES * dimensions)
        layout = "text" if _is_text(start, dimensions) else "binary"
        file = Word2VecFile(path, count, dimensions, layout, stream.gzipped, len(head))
    if not file.gzipped:
        _require_room(file)
    return file


# ---- What is at fault


def _malformed(file: Word2VecFile, record: int, offset: int, expected: str, found: str) -> NoReturn:
    """Raise the error for record number `record`, counted from 0, which begins at byte `offset`."""
    place = f"record {record + 1:,} of {file.count:,}" if record < file.count else f"after record {record:,}, the last"
    byte = "unpacked byte" if file.gzipped else "byte"
    raise ValueError(
        f"{file.path}: {place}, at {byte} {offset:,}: expected {expected}, found {found}. "
        "Fetch the file again or write it anew"
    )


def _require_room(file: Word2VecFile) -> None:
    """Check that as many records as the first line tells of fit into the file, were each word empty."""
    least = (4 if file.layout == "binary" else 2) * file.dimensions + 1
    # The last line of a text may lack its end.
    need = file.first + file.count * least - (file.layout == "text")
    size = file.path.stat().st_size
    if file.count and size < need:
        held = max(0, size - file.first) // least
        raise ValueError(
            f"{file.path}: the first line, at byte 0, tells of {file.count:,} records of {file.dimensions:,} "
            f"dimensions: expected at least {need:,} bytes, found {size:,}; record {held + 1:,} at the latest is cut "
            "off. Fetch the file again or write it anew"
        )


def _checked(file: Word2VecFile, blocks: Iterator[tuple[WordBlock, NDArray[np.int64]]]) -> Iterator[WordBlock]:
    """Hand on blocks whose numbers are all finite; the offsets of their records are for the error only."""
    done = 0
    for (words, vectors), offsets in blocks:
        with np.errstate(all="ignore"):
            # One number that is not finite makes the sum so; huge ones may overflow to the same.
            doubtful = np.flatnonzero(~np.isfinite(vectors.sum(axis=1)))
        for one in doubtful:
            if not np.isfinite(vectors[one]).all():
                found = f"{vectors[one][~np.isfinite(vectors[one])][0]} in the vector of {words[one]!r}"
                _malformed(file, done + int(one), int(offsets[one]), "finite numbers", found)
        yield words, vectors
        done += len(words)


def _shown(content: bytes) -> str:
    return repr(content[:40]) + ("…" if len(content) > 40 else "")


# ---- Bytes


class _Stream:
    """What is in a file, unpacked. gzip data that breaks off is the end, and `broken` then says why."""

    def __init__(self, file: io.BufferedReader | gzip.GzipFile) -> None:
        self._file, self.gzipped, self.broken = file, isinstance(file, gzip.GzipFile), ""

    def fill(self, part: memoryview) -> int:
        """Read into all of `part`; return how many bytes there were, fewer only at the end."""
        done = 0
        while done < len(part):
            with self._until_broken():
                # One step at a time: what was unpacked before gzip data breaks off is not lost.
                if count := self._file.readinto1(part[done:]):
                    done += count
                    continue
            break
        return done

    def line(self, most: int) -> bytes:
        """Return what comes up to and with the next line break, at most `most` bytes."""
        with self._until_broken():
            return self._file.readline(most)
        return b""

    def skip(self, count: int) -> None:
        """Leave out `count` bytes that were read before."""
        self.fill(memoryview(bytearray(count)))

    @contextmanager
    def _until_broken(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            # What else it says afterwards has no meaning.
            self.broken = self.broken or str(error)


@contextmanager
def _opened(path: Path) -> Iterator[_Stream]:
    with open(path, "rb") as plain:
        if plain.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
            yield _Stream(plain)
            return
        with gzip.GzipFile(fileobj=plain) as unpacked:
            yield _Stream(unpacked)


def _require_end(file: Word2VecFile, stream: _Stream, offset: int, rest: bytes) -> None:
    """Check that nothing but line breaks follows the last record."""
    while not (more := rest.lstrip(b"\r\n")):
        offset += len(rest)
        if not (rest := stream.line(MOST_WORD_BYTES)):
            break
    if more or stream.broken:
        found = stream.broken or _shown(more)
        _malformed(file, file.count, offset + len(rest) - len(more), "the end of the file", found)


# ---- Binary: a word, a space, numbers as they lie in memory, maybe a line break


def _binary_blocks(file: Word2VecFile, stream: _Stream) -> Iterator[tuple[WordBlock, NDArray[np.int64]]]:
    vector_bytes = 4 * file.dimensions
    # One expression finds all records of a buffer without a step of the interpreter for each. Where no record fits
    # any more it takes the rest, else it would look for one at every byte of it.
    record = re.compile(rb"(\n*+[^ ]*+ )(?s:.{%d})|(?s:.+)" % vector_bytes)
    memory = bytearray(max(BLOCK_BYTES, 2 * (MOST_WORD_BYTES + vector_bytes)))
    view = memoryview(memory)
    # Every place of the buffer as the beginning of a vector: picking some of these copies each in one go.
    windows = np.ndarray((len(memory) - vector_bytes + 1,), f"V{vector_bytes}", memory, strides=(1,))
    done, offset, kept = 0, file.first, 0
    while done < file.count:
        filled = kept + stream.fill(view[kept:])
        heads: list[bytes] = record.findall(memory, 0, filled)[: file.count - done]
        if heads and not heads[-1]:
            heads.pop()
        if not heads:
            _no_record(file, done, offset, bytes(view[:filled]), stream.broken)
        lengths = np.fromiter(map(len, heads), np.int64, len(heads))
        starts = np.cumsum(lengths) + np.arange(len(heads)) * vector_bytes
        offsets = offset + starts - lengths
        if lengths.max() > MOST_WORD_BYTES:
            _bad_word(file, heads, done, offsets)
        words = _words(file, heads, done, offsets)
        yield (words, windows[starts].view("<f4").reshape(-1, file.dimensions)), offsets
        end = int(starts[-1]) + vector_bytes
        kept = filled - end
        view[:kept] = view[end:filled]
        done, offset = done + len(heads), offset + end
    _require_end(file, stream, offset, bytes(view[:kept]))


def _words(file: Word2VecFile, heads: list[bytes], done: int, offsets: NDArray[np.int64]) -> list[str]:
    """Return the words of records whose heads are each a word and a space, line breaks before it left out."""
    together = b"".join(heads)
    if b"\n" in together:
        if _LINE_BREAK_INSIDE.search(together):
            _bad_word(file, heads, done, offsets)
        together = together.replace(b"\n", b"")
    # No word holds the space that ends it, so all are decoded at once.
    words = together.decode("utf-8", "surrogateescape").split(" ")
    words.pop()
    return words


def _bad_word(file: Word2VecFile, heads: list[bytes], done: int, offsets: NDArray[np.int64]) -> NoReturn:
    """Raise for the first of `heads` that is too long or has a line break inside."""
    bad = next(i for i, head in enumerate(heads) if len(head) > MOST_WORD_BYTES or _LINE_BREAK_INSIDE.search(head))
    expected = f"a word of less than {MOST_WORD_BYTES:,} bytes without a line break, and a space"
    _malformed(file, done + bad, int(offsets[bad]), expected, _shown(heads[bad]))


def _no_record(file: Word2VecFile, done: int, offset: int, rest: bytes, broken: str) -> NoReturn:
    """Raise for a buffer without one whole record: the file ends there, or there is no space for far too long."""
    word = rest.lstrip(b"\n").partition(b" ")[0]
    if len(word) >= MOST_WORD_BYTES:
        expected, found = f"a word of less than {MOST_WORD_BYTES:,} bytes and a space", _shown(word)
    else:
        expected = f"a word, a space and {4 * file.dimensions:,} bytes"
        found = f"{len(rest):,} bytes and the end of the file"
    _malformed(file, done, offset, expected, f"{found} ({broken})" if broken else found)


# ---- Text: a line for each word, with spaces between word and numbers


def _is_text(line: bytes, dimensions: int) -> bool:
    """Tell whether a line is a word and numbers as text, too many or too few perhaps.

    A single digit and a line break may well be the first bytes of a binary vector; two numbers never are.
    """
    _, *numbers = line.rstrip().split(b" ")
    return len(numbers) >= min(2, dimensions) and all(map(_is_number, numbers))


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text_blocks(file: Word2VecFile, stream: _Stream) -> Iterator[tuple[WordBlock, NDArray[np.int64]]]:
    most = MOST_WORD_BYTES + _NUMBER_BYTES * file.dimensions
    per_block = max(1, BLOCK_BYTES // (16 * file.dimensions))
    done, offset = 0, file.first
    while done < file.count:
        lines = [stream.line(most) for _ in range(min(per_block, file.count - done))]
        lengths = np.fromiter(map(len, lines), np.int64, len(lines))
        offsets = offset + np.cumsum(lengths) - lengths
        fields = [line.rstrip().partition(b" ") for line in lines]
        vectors = _numbers([numbers for _, _, numbers in fields], file.dimensions)
        if vectors is None or max(len(word) for word, _, _ in fields) >= MOST_WORD_BYTES:
            _bad_line(file, lines, done, offsets, stream.broken)
        yield ([word.decode("utf-8", "surrogateescape") for word, _, _ in fields], vectors), offsets
        done, offset = done + len(lines), offset + int(lengths.sum())
    _require_end(file, stream, offset, b"")


def _numbers(lines: list[bytes], dimensions: int) -> NDArray[np.float32] | None:
    """Return the numbers of each line, `(n, dimensions)`, or None where one has others or more or fewer."""
    try:
        split = pc.split_pattern(pa.array(lines, pa.string()), " ")
        # By way of float64, as everybody's `float(text)`: one rounding instead of two gives another last digit.
        numbers = pc.cast(split.flatten(), pa.float64()).to_numpy(zero_copy_only=False)
        fits = pc.all(pc.equal(pc.list_value_length(split), dimensions)).as_py()
    except pa.ArrowInvalid:
        # It knows fewer ways of writing a number, no plus sign for one.
        fields = [line.split(b" ") for line in lines]
        if not all(map(_is_number, chain.from_iterable(fields))):
            return None
        numbers = np.fromiter(map(float, chain.from_iterable(fields)), np.float64)
        fits = all(len(one) == dimensions for one in fields)
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32).reshape(-1, dimensions) if fits else None


def _bad_line(file: Word2VecFile, lines: list[bytes], done: int, offsets: NDArray[np.int64], broken: str) -> NoReturn:
    """Raise for the first of `lines` that is not a word and as many numbers as there are dimensions."""
    for number, line in enumerate(lines):
        word, *numbers = line.rstrip().split(b" ")
        if len(numbers) == file.dimensions and len(word) < MOST_WORD_BYTES and all(map(_is_number, numbers)):
            continue
        expected = f"a word and {file.dimensions:,} numbers, with one space between them"
        wrong = next((text for text in numbers if not _is_number(text)), None)
        found = f"{_shown(word)} and {len(numbers):,} numbers" if wrong is None else f"{_shown(wrong)} for a number"
        if not line:
            found = "the end of the file"
        _malformed(file, done + number, int(offsets[number]), expected, f"{found} ({broken})" if broken else found)
    raise AssertionError("a block was refused, and no line of it is at fault")
