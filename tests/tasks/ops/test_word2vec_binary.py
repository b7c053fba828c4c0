"""Binary word2vec files: wherever one is cut off, the record is named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.tasks.ops.word2vec_contents import LAYOUTS, binary, random_vectors, read, written


@pytest.mark.parametrize("layout", ["binary", "binary, gzipped"])
def test_wherever_a_binary_file_is_cut_off_it_is_refused(layout: str, tmp_path: Path):
    whole = LAYOUTS[layout]([b"dog", b"cat", b"</s>"], random_vectors(3, 5))
    for end in range(len(whole)):
        with pytest.raises(
            ValueError, match=r"first line|(after )?record [123].*, at (unpacked )?byte \d+: expected .*, found"
        ):
            read(written(tmp_path, whole[:end]))


def test_the_record_that_is_cut_off_is_named_with_its_byte_and_what_is_left_of_it(tmp_path: Path):
    words = [b"a" * 90, b"b" * 90, b"c"]
    whole = binary(words, random_vectors(3, 5))
    path = written(tmp_path, whole[:-3])
    said = "record 3 of 3, at byte 226: expected a word, a space and 20 bytes, found 19 bytes and the end of the file"
    with pytest.raises(ValueError, match=re.escape(f"{path}: {said}. Fetch the file again")):
        read(path)


@pytest.mark.parametrize("number", [np.nan, -np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named_wherever_it_stands(number: float, tmp_path: Path):
    for row, column in np.ndindex(2, 3):
        vectors = random_vectors(2, 3)
        vectors[row, column] = number
        place = f"record {row + 1} of 2, at byte {4 + 16 * row}"
        said = f"{place}: expected finite numbers, found {number} in the vector of '{('dog', 'cat')[row]}'"
        with pytest.raises(ValueError, match=said):
            read(written(tmp_path, binary([b"dog", b"cat"], vectors)))


def test_huge_numbers_are_read(tmp_path: Path):
    huge = np.array([[3e38, 3e38, 3e38], [-3e38, -3e38, 1]], np.float32)
    np.testing.assert_array_equal(read(written(tmp_path, binary([b"a", b"b"], huge)))[1], huge)
