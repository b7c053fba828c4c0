"""The two checks on bytes: BLAKE3 for identity and whole objects, CRC-32C for one chunk of rows."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
from blake3 import blake3
from crc32c import crc32c
from numpy.typing import NDArray

from storage.errors import DamagedDataset
from storage.plain_files import open_file

READ_BYTES = 1 << 20


def digest_of(content: bytes) -> str:
    """Return the BLAKE3 of `content`, 64 hexadecimal digits."""
    return blake3(content).hexdigest()


def chunk_crc(block: NDArray[np.uint8] | memoryview) -> int:
    """Return the CRC-32C (Castagnoli, RFC 3720) of the bytes of `block` in C order."""
    # For more than 32 KB it lets other threads go on meanwhile.
    return crc32c(block if isinstance(block, memoryview) else np.ascontiguousarray(block).data)


def object_digest(path: Path) -> str:
    """Return the BLAKE3 of an array object.

    A folder is hashed as the sequence of its files in the order of their relative names, each as
    name, NUL, size in bytes as decimal text, NUL, content. Links, pipes and devices are not opened; where
    one is, the digest is that of no published object.
    """
    hasher = blake3()
    if not stat.S_ISDIR(path.lstat().st_mode):
        _update_from_file(hasher, path)
        return hasher.hexdigest()
    for name, file in _files_below(path):
        hasher.update(name + b"\0" + str(file.lstat().st_size).encode() + b"\0")
        _update_from_file(hasher, file)
    return hasher.hexdigest()


def object_bytes(path: Path) -> int:
    """Return the size of an array object in bytes, the sum over its files."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return found.st_size
    return sum(file.lstat().st_size for _, file in _files_below(path))


def _files_below(folder: Path) -> list[tuple[bytes, Path]]:
    found = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return sorted((os.fsencode(file.relative_to(folder)), file) for file in found)


def _update_from_file(hasher: blake3, path: Path) -> None:
    try:
        opened = open_file(path)
    except DamagedDataset:
        hasher.update(b"\0no file")
        return
    # Plain reads, not a memory map: a file that shrinks under a map kills the process (SIGBUS).
    with opened as file:
        while block := file.read(READ_BYTES):
            hasher.update(block)
