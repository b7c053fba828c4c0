"""word2vec files of text: wherever one is cut off it is refused, and numbers are what Python takes for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tasks.ops.word2vec_contents import lines, random_vectors, read, written


def test_wherever_a_text_is_cut_off_before_its_last_number_it_is_refused(tmp_path: Path):
    whole = lines([b"dog", b"cat", b"</s>"], random_vectors(3, 5))
    for end in range(whole.rindex(b" ") + 1):
        with pytest.raises(ValueError, match=r"first line|(after )?record [123].*, at byte \d+: expected .*, found"):
            read(written(tmp_path, whole[:end]))


def test_every_way_of_writing_a_number_is_read(tmp_path: Path):
    np.testing.assert_array_equal(read(written(tmp_path, b"1 3\ndog +1 1_0 .5e1\n"))[1], [[1, 10, 5]])
