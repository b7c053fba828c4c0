"""Source paths as text that survives Parquet, JSON and a terminal, and comes back to the same bytes."""

from __future__ import annotations

import re

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Controls, line and paragraph separators, and what turns the direction of text. Written out, since the set of
printable characters differs between versions of Python, and a name must not."""
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def escaped(path: bytes) -> str:
    r"""Return `path` as text: UTF-8, with backslashes, control characters and invalid bytes as `\xNN`."""
    return without_controls(path.replace(b"\\", b"\\x5c").decode("utf-8", "backslashreplace"))


def without_controls(text: str) -> str:
    r"""Return `text` with control characters, and what breaks or turns a line, as `\xNN`."""
    return _UNPRINTABLE.sub(lambda match: _escaped_character(match[0]), text)


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
