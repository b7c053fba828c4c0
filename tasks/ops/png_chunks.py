"""Checks a PNG file chunk by chunk: Pillow verifies no checksum of the chunks that hold the pixels."""

from __future__ import annotations

import struct
import zlib

from storage.refused import Reason, Refusal

_FIRST_CHUNK = 8


def png_damage(data: bytes) -> Refusal | None:
    """Return the refusal of a PNG with a cut or damaged chunk, None where all up to its end are whole."""
    position, kind = _FIRST_CHUNK, b""
    while kind != b"IEND":
        if position + 12 > len(data):
            detail = f"PNG: expected a chunk at byte {position}, the file has {len(data)} bytes"
            return Refusal(Reason.TRUNCATED, detail)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            detail = f"PNG: the chunk at byte {position} ends at {end}, the file has {len(data)} bytes"
            return Refusal(Reason.TRUNCATED, detail)
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
            return Refusal(Reason.CORRUPT, f"PNG: the chunk at byte {position} does not match its checksum")
        position = end
    return None
