"""Source paths as text that survives Parquet, JSON and a terminal, and comes back to the same bytes."""

from __future__ import annotations

import re

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def escaped(path: bytes) -> str:
    r"""Return `path` as text: UTF-8, with backslashes, control characters and invalid bytes as `\xNN`."""
    if path.isascii() and b"\\" not in path and (text := path.decode("ascii")).isprintable():
        return text
    text = path.replace(b"\\", b"\\x5c").decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else _escaped_character(character) for character in text)


def unescaped(name: str) -> bytes:
    """Return the path that `escaped` turned into `name`."""
    content = name.encode("utf-8")
    if b"\\" not in content:
        return content
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), content)


def row_id(name: str) -> int:
    """Return the id of the row made from the input `name`: the first 8 bytes of its BLAKE3, big-endian."""
    return int.from_bytes(blake3(name.encode("utf-8")).digest(length=8), "big")


def row_ids(names: list[str]) -> NDArray[np.uint64]:
    """Return the id of each name, `(n,)` uint64."""
    return np.fromiter(map(row_id, names), dtype=np.uint64, count=len(names))


def _escaped_character(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8"))
