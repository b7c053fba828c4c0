"""Lies in JPEG files (ITU-T T.81): segments of a marker, a length and a body; a scan's data follow its segment."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

PAGE = b"<html><script>document.title='x'</script><img src=x onerror=alert(1)></html>"
CLAIMED_SIDES = (0, 1, 2, 3, 7, 255, 256, 1000, 5000, 7000, 7072, 16383, 16384, 32767, 65500, 65535)
"""Sides that a header may claim: 7000 by 7000 is just within the limit of pixels, 7072 by 7072 beyond it."""


def jpeg_segments(data: bytes) -> list[bytes]:
    """Return the segments between the start of a sound file and its end marker, each scan with its data."""
    found, position = [], 2
    while data[position + 1] != 0xD9:
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if data[position + 1] == 0xDA:
            while data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
                end += 1
        found.append(data[position:end])
        position = end
    return found


def jpeg_of(segments: list[bytes]) -> bytes:
    """Return the file of `segments`."""
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


def jpeg_claiming(data: bytes, width: int, height: int) -> bytes:
    """Return a sound JPEG with other sides in its frame header."""
    segments = jpeg_segments(data)
    frame = next(place for place, segment in enumerate(segments) if segment[1] in (0xC0, 0xC1, 0xC2))
    segments[frame] = segments[frame][:5] + struct.pack(">HH", height, width) + segments[frame][9:]
    return jpeg_of(segments)


def jpeg_with_scans(data: bytes, scans: int) -> bytes:
    """Return a sound progressive JPEG whose last scan comes again and again, until there are `scans`."""
    segments = jpeg_segments(data)
    have = sum(segment[1] == 0xDA for segment in segments)
    return jpeg_of([*segments, *[segments[-1]] * (scans - have)])


def jpeg_sides(data: bytes, rng: random.Random) -> bytes:
    return jpeg_claiming(data, rng.choice(CLAIMED_SIDES), rng.choice(CLAIMED_SIDES))


def jpeg_many_scans(data: bytes, rng: random.Random) -> bytes:
    return jpeg_with_scans(data, rng.choice((2, 12, 63, 64, 65, 200, 1000)))


def jpeg_segment_length(data: bytes, rng: random.Random) -> bytes:
    segments = jpeg_segments(data)
    place = rng.randrange(len(segments))
    lie = rng.choice((0, 1, 2, 3, len(segments[place]) - 3, len(segments[place]) - 1, 0xFFFF))
    segments[place] = segments[place][:2] + struct.pack(">H", lie & 0xFFFF) + segments[place][4:]
    return jpeg_of(segments)


def jpeg_segment_again(data: bytes, rng: random.Random) -> bytes:
    segments = jpeg_segments(data)
    copied = rng.choice(segments)
    for _ in range(rng.choice((1, 1, 3, 100))):
        segments.insert(rng.randrange(len(segments) + 1), copied)
    return jpeg_of(segments)


def jpeg_segment_missing(data: bytes, rng: random.Random) -> bytes:
    segments = jpeg_segments(data)
    del segments[rng.randrange(len(segments))]
    return jpeg_of(segments)


def jpeg_segments_shuffled(data: bytes, rng: random.Random) -> bytes:
    segments = jpeg_segments(data)
    rng.shuffle(segments)
    return jpeg_of(segments)


def jpeg_marker(data: bytes, rng: random.Random) -> bytes:
    segments = jpeg_segments(data)
    place = rng.randrange(len(segments))
    segments[place] = b"\xff" + bytes([rng.randrange(0xC0, 0x100)]) + segments[place][2:]
    return jpeg_of(segments)


def jpeg_page_in_comment(data: bytes, rng: random.Random) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", len(PAGE) + 2) + PAGE
    return jpeg_of([comment] * rng.choice((1, 300)) + jpeg_segments(data))


def jpeg_frame(data: bytes, rng: random.Random) -> bytes:
    """Lie about bits, number of components, sampling or tables."""
    segments = jpeg_segments(data)
    frame = next(place for place, segment in enumerate(segments) if segment[1] in (0xC0, 0xC1, 0xC2))
    damaged = bytearray(segments[frame])
    damaged[rng.choice((4, *range(9, len(damaged))))] = rng.choice((0, 1, 2, 4, 8, 12, 0x11, 0x41, 0x14, 0xFF))
    segments[frame] = bytes(damaged)
    return jpeg_of(segments)


JPEG_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    jpeg_sides,
    jpeg_many_scans,
    jpeg_segment_length,
    jpeg_segment_again,
    jpeg_segment_missing,
    jpeg_segments_shuffled,
    jpeg_marker,
    jpeg_page_in_comment,
    jpeg_frame,
)
