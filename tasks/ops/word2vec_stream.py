"""What the layouts of word2vec files have in common: the bytes of a file, plain or unpacked, and what is at fault."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MOST_WORD_BYTES = 1024
"""word2vec itself cuts words off at 100 bytes; a longer one than this means that records are not where they should."""
BLOCK_BYTES = 1024 * 1024
"""What is read at a time: small enough to stay in the processor's cache while it is looked through."""

WordBlock = tuple[list[str], NDArray[np.float32]]
"""Words, and their vectors, `(n, dimensions)` float32 that belong to the caller."""
PlacedBlock = tuple[WordBlock, NDArray[np.int64]]
"""The same with the bytes at which their records begin."""

_GZIP = b"\x1f\x8b"


class Malformed(Exception):
    """Record number `record`, counted from 0, which begins at byte `offset`, is not as it should be."""

    def __init__(self, record: int, offset: int, *, expected: str, found: str) -> None:
        super().__init__(record, offset, expected, found)
        self.record, self.offset, self.expected, self.found = record, offset, expected, found


class Stream:
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

    def require_end(self, record: int, offset: int, rest: bytes = b"") -> None:
        """Check that nothing but line breaks is in `rest`, from byte `offset` on, and in what comes after it.

        Raises:
            Malformed: there is more after the last record, and `record` is its number.
        """
        while not (more := rest.lstrip(b"\r\n")):
            offset += len(rest)
            if not (rest := self.line(MOST_WORD_BYTES)):
                break
        if more or self.broken:
            found = self.broken or shown(more)
            raise Malformed(record, offset + len(rest) - len(more), expected="the end of the file", found=found)

    def cause(self, found: str) -> str:
        """Return what was found, with the reason why there is no more where gzip data broke off."""
        return f"{found} ({self.broken})" if self.broken else found

    @contextmanager
    def _until_broken(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            # What else it says afterwards has no meaning.
            self.broken = self.broken or str(error)


@contextmanager
def opened(path: Path) -> Iterator[Stream]:
    """Open a file, and unpack it if it begins as gzip data does."""
    with open(path, "rb") as plain:
        if plain.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
            yield Stream(plain)
            return
        with gzip.GzipFile(fileobj=plain) as unpacked:
            yield Stream(unpacked)


def shown(content: bytes) -> str:
    """Return bytes as they stand in a message, not too many of them."""
    return repr(content[:40]) + ("…" if len(content) > 40 else "")
