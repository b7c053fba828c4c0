"""What the files of stored word vectors are, which the writer and the reader both go by. numpy alone reads them.

vectors.npy   (n, dimensions) <f4    a row for each word, in the order in which they were given: the most frequent first
words.txt                            the words, UTF-8, each ended by a line feed; bytes that were no UTF-8 as they were
ends.npy      (n,) <u8               where in words.txt the line feed of each word stands
exact.npy     (2, n) <u4             CRC-32 (zlib's) of each word's bytes, ascending, and below it the row of that word
lower.npy     (2, n) <u4             the same for each word in lower case
counts.npy    (n,) <u8               how often each word occurred, where that is known

Equal CRCs stand in the order of their rows, so the first that fits is the first that was given.
"""

from __future__ import annotations

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
LINE_FEED = b"\n"


def encoded(word: str) -> bytes | None:
    """Return the bytes of a word, or None for one that stands for no bytes, and so is nowhere stored."""
    try:
        return word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
