"""Reads word vectors in the formats of Google's word2vec: binary, the same gzipped, or text, told apart by content.

A file may come from anybody and hold 3.4 GB. It is read once, a few megabytes at a time, and what its first line says
is compared with its size before any memory is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tasks.ops.word2vec_binary import binary_blocks
from tasks.ops.word2vec_stream import MOST_WORD_BYTES, Malformed, PlacedBlock, WordBlock, opened, shown
from tasks.ops.word2vec_text import MOST_NUMBER_BYTES, is_text, text_blocks

MOST_DIMENSIONS = 65_536

_HEADER = re.compile(rb"(\d{1,15})[ \t](\d{1,9})[ \t\r]*\n")
_HEADER_BYTES = 64
_LAYOUTS = {"binary": binary_blocks, "text": text_blocks}


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
        """Yield all words with their vectors in the order of the file, some hundreds at a time.

        Words are UTF-8; bytes that are not valid become lone surrogates (PEP 383), so that encoding with
        `surrogateescape` gives them back. Line breaks before a word are no part of it, as in gensim. Nothing is
        left out: a word that occurs twice comes twice.

        Raises:
            ValueError: the file ends too early or goes on too long, a word or a line is not as it should be, or a
                number is not finite. The message names the record, counted from 1, and the byte at which it begins;
                of a gzipped file that is a byte of what is in it.
        """
        with opened(self.path) as stream:
            stream.skip(self.first)
            blocks = _LAYOUTS[self.layout](stream, count=self.count, dimensions=self.dimensions, offset=self.first)
            try:
                yield from _finite(blocks)
            except Malformed as fault:
                raise self._named(fault) from None

    def _named(self, fault: Malformed) -> ValueError:
        """Return the error that tells the user what is at fault and where."""
        number = f"{fault.record + 1:,} of {self.count:,}"
        place = f"record {number}" if fault.record < self.count else f"after record {fault.record:,}, the last"
        byte = "unpacked byte" if self.gzipped else "byte"
        return ValueError(
            f"{self.path}: {place}, at {byte} {fault.offset:,}: expected {fault.expected}, found {fault.found}. "
            "Fetch the file again or write it anew"
        )


def open_word2vec(path: Path) -> Word2VecFile:
    """Read the first line of a file and find out its layout; look at no more than its first record.

    Raises:
        ValueError: it does not begin with a line that gives the number of records and that of dimensions, or it is
            too small for them.
    """
    with opened(path) as stream:
        head = stream.line(_HEADER_BYTES)
        found = _HEADER.fullmatch(head)
        if not found:
            raise ValueError(
                f"{path}: expected a first line with the number of words and that of dimensions, such as "
                f"'3000000 300', found {shown(head)}. Put such a line in front if it is a file of plain lines (GloVe)"
            )
        count, dimensions = int(found[1]), int(found[2])
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"{path}: expected 1 to {MOST_DIMENSIONS:,} dimensions at byte 0, found {dimensions:,}")
        start = stream.line(MOST_WORD_BYTES + MOST_NUMBER_BYTES * dimensions)
        layout = "text" if is_text(start, dimensions) else "binary"
        file = Word2VecFile(path, count, dimensions, layout, stream.gzipped, len(head))
    if not file.gzipped:
        _require_room(file)
    return file


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


def _finite(blocks: Iterator[PlacedBlock]) -> Iterator[WordBlock]:
    """Hand on blocks whose numbers are all finite; where their records begin is for the error only."""
    done = 0
    for (words, vectors), offsets in blocks:
        finite = np.isfinite(vectors)
        if not finite.all():
            bad = int(finite.all(axis=1).argmin())
            found = f"{vectors[bad][~finite[bad]][0]} in the vector of {words[bad]!r}"
            raise Malformed(done + bad, int(offsets[bad]), expected="finite numbers", found=found)
        yield words, vectors
        done += len(words)
