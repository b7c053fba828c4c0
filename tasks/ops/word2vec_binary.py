"""The binary layout of word2vec: a word, a space, numbers as they lie in memory, and maybe a line break."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from tasks.ops.word2vec_stream import BLOCK_BYTES, MOST_WORD_BYTES, Malformed, PlacedBlock, Stream, shown

_LINE_BREAK_INSIDE = re.compile(rb"[^ \n]\n")


def binary_blocks(stream: Stream, *, count: int, dimensions: int, offset: int) -> Iterator[PlacedBlock]:
    """Yield `count` records, of which the first begins at byte `offset`, where the stream stands.

    Raises:
        Malformed: there are fewer or more, or a word is too long or has a line break inside.
    """
    vector_bytes = 4 * dimensions
    # One expression finds all records of a buffer without a step of the interpreter for each. Where no record fits
    # any more it takes the rest, else it would look for one at every byte of it.
    record = re.compile(rb"(\n*+[^ ]*+ )(?s:.{%d})|(?s:.+)" % vector_bytes)
    memory = bytearray(max(BLOCK_BYTES, 2 * (MOST_WORD_BYTES + vector_bytes)))
    view = memoryview(memory)
    # Every place of the buffer as the beginning of a vector: picking some of these copies each in one go.
    windows = np.ndarray((len(memory) - vector_bytes + 1,), f"V{vector_bytes}", memory, strides=(1,))
    done = kept = 0
    while done < count:
        filled = kept + stream.fill(view[kept:])
        heads: list[bytes] = record.findall(memory, 0, filled)[: count - done]
        if heads and not heads[-1]:
            heads.pop()
        if not heads:
            _no_record(stream, done, offset, bytes(view[:filled]), vector_bytes)
        together = b"".join(heads)
        # The only space of a head is its last byte.
        ends = np.flatnonzero(np.frombuffer(together, np.uint8) == ord(" ")) + 1
        lengths = np.diff(ends, prepend=0)
        starts = ends + np.arange(len(heads)) * vector_bytes
        offsets = offset + starts - lengths
        if lengths.max() > MOST_WORD_BYTES:
            _bad_word(heads, done, offsets)
        if b"\n" in together:
            if _LINE_BREAK_INSIDE.search(together):
                _bad_word(heads, done, offsets)
            together = together.replace(b"\n", b"")
        # No word holds the space that ends it, so all are decoded at once.
        words = together.decode("utf-8", "surrogateescape").split(" ")
        words.pop()
        yield (words, windows[starts].view("<f4").reshape(-1, dimensions)), offsets
        end = int(starts[-1]) + vector_bytes
        kept = filled - end
        view[:kept] = view[end:filled]
        done, offset = done + len(heads), offset + end
    stream.require_end(count, offset, bytes(view[:kept]))


def _bad_word(heads: list[bytes], done: int, offsets: NDArray[np.int64]) -> NoReturn:
    """Raise for the first of `heads` that is too long or has a line break inside."""
    bad = next(i for i, head in enumerate(heads) if len(head) > MOST_WORD_BYTES or _LINE_BREAK_INSIDE.search(head))
    expected = f"a word of less than {MOST_WORD_BYTES:,} bytes without a line break, and a space"
    raise Malformed(done + bad, int(offsets[bad]), expected=expected, found=shown(heads[bad]))


def _no_record(stream: Stream, done: int, offset: int, rest: bytes, vector_bytes: int) -> NoReturn:
    """Raise for a buffer without one whole record: the file ends there, or there is no space for far too long."""
    word = rest.lstrip(b"\n").partition(b" ")[0]
    if len(word) >= MOST_WORD_BYTES:
        expected, found = f"a word of less than {MOST_WORD_BYTES:,} bytes and a space", shown(word)
    else:
        expected = f"a word, a space and {vector_bytes:,} bytes"
        found = f"{len(rest):,} bytes and the end of the file"
    raise Malformed(done, offset, expected=expected, found=stream.cause(found))
