"""What a WebP file claims, read without libwebp: it reserves memory for the canvas on opening a file."""

from __future__ import annotations

import struct

from storage.refused import Reason, Refusal


def webp_size(data: bytes) -> tuple[int, int]:
    """Return the width and height that the first chunk claims, (0, 0) where it is of no known kind."""
    kind, body = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def webp_damage(data: bytes) -> Refusal | None:
    """Return the refusal of a WebP shorter than it says, None where all of it is there."""
    expected = 8 + int.from_bytes(data[4:8], "little")
    if len(data) >= expected:
        return None
    return Refusal(Reason.TRUNCATED, f"WebP: expected {expected} bytes, the file has {len(data)}")
