"""The bytes of a word2vec file: gzip data that is spoilt or breaks off is an error, never the end."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.tasks.ops.word2vec_contents import binary, random_vectors, read, written


def test_a_flipped_bit_in_gzipped_data_is_refused(tmp_path: Path):
    content = bytearray(gzip.compress(binary([b"dog", b"cat"], random_vectors(2, 3))))
    content[-6] ^= 1
    with pytest.raises(ValueError, match=r"after record 2, the last, .* found CRC check failed"):
        read(written(tmp_path, bytes(content)))


def test_gzipped_data_that_breaks_off_is_refused_with_the_record_that_it_breaks_off_in(tmp_path: Path):
    whole = binary([b"a" * 90, b"b" * 90, b"c"], random_vectors(3, 5))
    said = (
        "record 3 of 3, at unpacked byte 226: .* found .* the end of the file .*ended before the end-of-stream marker"
    )
    with pytest.raises(ValueError, match=said):
        read(written(tmp_path, gzip.compress(whole)[:-12]))
