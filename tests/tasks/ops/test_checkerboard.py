from __future__ import annotations

import numpy as np
import pytest

from benchmarks.photos import photos
from tasks.ops.checkerboard import checkerboard_share


def test_a_pure_checkerboard_is_all_of_the_variance_and_noise_none_of_it():
    noise = np.random.default_rng(0).normal(size=(4, 120, 120))
    board = np.tile(np.indices((2, 2)).sum(axis=0) % 2, (60, 60)).astype(np.float64)
    assert checkerboard_share(board[None], 2) == pytest.approx(1)
    assert checkerboard_share(noise, 2) < 0.001
    # Independent variances add up: 0.25 of the board, 1 of the noise.
    assert checkerboard_share(noise + board, 2) == pytest.approx(0.2, abs=0.01)


def test_a_flat_image_has_no_checkerboard():
    assert checkerboard_share(np.full((1, 8, 8), 0.1), 2) == 0


def test_photographs_have_no_checkerboard():
    for photo in photos().values():
        assert checkerboard_share(np.asarray(photo.convert("L"), dtype=np.float64)[None], 4) < 0.002


def test_an_image_smaller_than_the_period_is_refused():
    with pytest.raises(ValueError, match=r"at least 4 ≥ 2 pixels each way, got \(1, 3, 8\)"):
        checkerboard_share(np.zeros((1, 3, 8)), 4)
