"""The segments of a JPEG file, read without decoding it. Total: any bytes give an answer, in linear time.

Walks as libjpeg does: bytes between segments are skipped until the next marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_APP1, _END_OF_IMAGE, _START_OF_SCAN = 0xE1, 0xD9, 0xDA
_SEQUENTIAL_FRAMES = (0xC0, 0xC1)

# Stuffed zeros, fill bytes, restart markers and TEM carry no segment. One 0xff only: with `\xff+` a long
# run of fill bytes would cost quadratic time.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")


@dataclass(frozen=True, slots=True)
class JpegHead:
    """What the segments before the first scan say."""

    exif: bytes = b""
    one_scan: bool = False
    complete: bool = False


def read_head(data: bytes) -> JpegHead:
    """Read the segments up to the first scan; `complete` is false where none begins.

    `one_scan`: the frame is sequential and its first scan holds every component, so libjpeg reads no other.
    """
    exif, components = b"", b"none"
    for marker, start, end in segments(data):
        if marker == _START_OF_SCAN:
            one_scan = data[start : start + 1] == components
            return JpegHead(exif, one_scan, complete=end <= len(data))
        if marker in _SEQUENTIAL_FRAMES:
            components = data[start + 5 : start + 6]
        elif marker == _APP1 and not exif and data.startswith(b"Exif\0\0", start):
            exif = data[start:end]
    return JpegHead(exif)


def has_more_scans(data: bytes, limit: int) -> bool:
    """Whether the file holds more than `limit` scans; the scans of embedded thumbnails do not count."""
    if data.count(b"\xff\xda") <= limit:
        return False
    scans = 0
    for marker, _, _ in segments(data):
        scans += marker == _START_OF_SCAN
        if scans > limit:
            return True
    return False


def has_end(data: bytes) -> bool:
    """Whether the end-of-image marker is there."""
    return any(marker == _END_OF_IMAGE for marker, _, _ in segments(data))


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's marker, and where its payload starts and ends; the end-of-image marker is the last."""
    position = 2
    while found := _MARKER.search(data, position):
        marker, length_at = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            yield marker, length_at, length_at
            return
        position = length_at + max(2, int.from_bytes(data[length_at : length_at + 2]))
        yield marker, length_at + 2, position
