"""Digests, compared with the definitions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from storage.digests import READ_BYTES, chunk_crc, digest_of, object_bytes, object_digest


def test_the_chunk_checksum_is_castagnolis():
    # RFC 3720, B.4, and the check value of the CRC catalogue.
    assert chunk_crc(np.zeros(32, np.uint8)) == 0x8A9136AA
    assert chunk_crc(np.full(32, 0xFF, np.uint8)) == 0x62A8AB43
    assert chunk_crc(np.arange(32, dtype=np.uint8)) == 0x46DD794E
    assert chunk_crc(np.frombuffer(b"123456789", np.uint8)) == 0xE3069283
    assert chunk_crc(np.empty((0, 4, 4, 3), np.uint8)) == 0


@given(st.binary(max_size=300))
def test_the_chunk_checksum_equals_the_table_driven_one(crc32c, content: bytes):
    assert chunk_crc(np.frombuffer(content, np.uint8)) == crc32c(content)


def test_the_chunk_checksum_is_of_rows_in_c_order_however_they_lie_in_memory(crc32c):
    block = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 3), dtype=np.uint8)
    expected = crc32c(bytes(block.ravel(order="C").tolist()))
    assert chunk_crc(block) == chunk_crc(np.asfortranarray(block)) == expected
    assert chunk_crc(np.repeat(block, 2, axis=0)[::2]) == expected


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, 2 * READ_BYTES + 3])
def test_a_files_digest_is_that_of_its_bytes(tmp_path: Path, size: int):
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    assert object_digest(tmp_path / "a") == digest_of(content) == blake3(content).hexdigest()
    assert object_bytes(tmp_path / "a") == size


def test_a_folders_digest_is_that_of_names_sizes_and_contents_in_order(tmp_path: Path):
    for name, content in (("b", b"second"), ("a/z", b"first"), ("b.x", b"")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert (
        object_digest(tmp_path)
        == blake3(b"a/z\0" + b"5\0first" + b"b\0" + b"6\0second" + b"b.x\0" + b"0\0").hexdigest()
    )
    assert object_bytes(tmp_path) == 11


def test_no_change_of_a_folder_keeps_its_digest(tmp_path: Path):
    def change_and_look(change) -> str:
        change()
        return object_digest(tmp_path)

    (tmp_path / "a").write_bytes(b"12")
    (tmp_path / "b").write_bytes(b"3")
    seen = [
        object_digest(tmp_path),
        change_and_look(lambda: (tmp_path / "a").write_bytes(b"1")),
        change_and_look(lambda: (tmp_path / "b").write_bytes(b"23")),
        change_and_look(lambda: (tmp_path / "b").rename(tmp_path / "c")),
        change_and_look(lambda: (tmp_path / "empty").touch()),
        change_and_look(lambda: (tmp_path / "a").unlink()),
    ]
    assert len(set(seen)) == len(seen)


def test_a_missing_object_has_no_digest(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        object_digest(tmp_path / "nothing")
