"""The text layout of word2vec: a line for each word, with one space between word and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.ops.word2vec_stream import BLOCK_BYTES, MOST_WORD_BYTES, Malformed, PlacedBlock, Stream, shown

MOST_NUMBER_BYTES = 64
"""More than a number takes."""


def is_text(line: bytes, dimensions: int) -> bool:
    """Tell whether a line is a word and numbers as text, too many or too few perhaps.

    A single digit and a line break may well be the first bytes of a binary vector; two numbers never are.
    """
    _, *numbers = line.rstrip().split(b" ")
    return len(numbers) >= min(2, dimensions) and all(map(_is_number, numbers))


def text_blocks(stream: Stream, *, count: int, dimensions: int, offset: int) -> Iterator[PlacedBlock]:
    """Yield `count` records, of which the first begins at byte `offset`, where the stream stands.

    Raises:
        Malformed: there are fewer or more, or a line is not a word and as many numbers as there are dimensions.
    """
    most = MOST_WORD_BYTES + MOST_NUMBER_BYTES * dimensions
    per_block = max(1, BLOCK_BYTES // (16 * dimensions))
    done = 0
    while done < count:
        lines = [stream.line(most) for _ in range(min(per_block, count - done))]
        lengths = np.fromiter(map(len, lines), np.int64, len(lines))
        offsets = offset + np.cumsum(lengths) - lengths
        fields = [line.rstrip().partition(b" ") for line in lines]
        vectors = _numbers([numbers for _, _, numbers in fields], dimensions)
        if vectors is None or max(len(word) for word, _, _ in fields) >= MOST_WORD_BYTES:
            _bad_line(stream, lines, done, offsets, dimensions)
        yield ([word.decode("utf-8", "surrogateescape") for word, _, _ in fields], vectors), offsets
        done, offset = done + len(lines), offset + int(lengths.sum())
    stream.require_end(count, offset)


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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


def _bad_line(stream: Stream, lines: list[bytes], done: int, offsets: NDArray[np.int64], dimensions: int) -> NoReturn:
    """Raise for the first of `lines` that is not a word and as many numbers as there are dimensions."""
    for number, line in enumerate(lines):
        word, *numbers = line.rstrip().split(b" ")
        if len(numbers) == dimensions and len(word) < MOST_WORD_BYTES and all(map(_is_number, numbers)):
            continue
        expected = f"a word and {dimensions:,} numbers, with one space between them"
        wrong = next((text for text in numbers if not _is_number(text)), None)
        found = f"{shown(word)} and {len(numbers):,} numbers" if wrong is None else f"{shown(wrong)} for a number"
        if not line:
            found = "the end of the file"
        raise Malformed(done + number, int(offsets[number]), expected=expected, found=stream.cause(found))
    raise AssertionError("a block was refused, and no line of it is at fault")
