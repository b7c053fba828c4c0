"""CRC-32C by its definition: a table of 256 entries and one byte at a time."""

from __future__ import annotations


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = _crc_table()


def plain_crc32c(content: bytes) -> int:
    """Return the CRC-32C of `content` (Castagnoli, RFC 3720)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF
