"""Checkpoints on disk: whole or not there, and none but what was written is ever read."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from training.checkpoints import Checkpoints, read_checkpoint
from training.randomness import captured_randomness, restore_randomness, seed_all


def test_the_newest_are_kept_and_the_newest_is_read(tmp_path: Path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for steps in (5, 20, 100):
        checkpoints.save(steps, {"steps": steps, "weights": torch.arange(steps)})
    assert [int(path.name[:9]) for path in checkpoints.paths()] == [100, 20]
    newest = checkpoints.newest_valid()
    assert newest is not None
    found = read_checkpoint(newest)
    assert found["steps"] == 100
    assert torch.equal(found["weights"], torch.arange(100))


def test_there_may_be_none(tmp_path: Path):
    assert Checkpoints(tmp_path / "nowhere").newest_valid() is None


@pytest.mark.parametrize("seed", range(5))
def test_any_flipped_bit_and_any_cut_is_noticed(tmp_path: Path, seed: int):
    checkpoints, chance = Checkpoints(tmp_path), random.Random(seed)
    for steps in (1, 2, 3):
        checkpoints.save(steps, {"weights": torch.zeros(50)})
    third, second, first = checkpoints.paths()
    content = bytearray(third.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    third.write_bytes(content)
    os.truncate(second, chance.randrange(second.stat().st_size))
    with pytest.raises(ValueError, match="is damaged: its bytes are not those that were written"):
        read_checkpoint(third)
    with pytest.warns(UserWarning, match="is damaged") as warned:
        assert checkpoints.newest_valid() == first
    assert [str(second) in str(each.message) for each in warned] == [False, True]
    assert checkpoints.newest_valid() == first


def test_a_checkpoint_that_would_run_a_program_is_not_obeyed(tmp_path: Path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = Checkpoints(tmp_path).save(1, {"weights": Hostile()})
    with pytest.raises(pickle.UnpicklingError):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_half_a_checkpoint_has_no_name_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"steps": 1})
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(2, {"steps": 2})
    assert [int(path.name[:9]) for path in tmp_path.iterdir()] == [1]


def test_at_least_one_is_kept(tmp_path: Path):
    with pytest.raises(ValueError, match="at least 1 checkpoint has to be kept, got 0"):
        Checkpoints(tmp_path, keep=0)


def drawn() -> tuple[float, list[float], float, list[float]]:
    return random.gauss(0, 1), np.random.normal(size=3).tolist(), random.random(), torch.randn(3).tolist()


def test_generators_go_on_where_they_were_through_a_checkpoint(tmp_path: Path):
    seed_all(7)
    drawn()
    path = Checkpoints(tmp_path).save(1, captured_randomness())
    expected = [drawn() for _ in range(3)]
    drawn()
    restore_randomness(read_checkpoint(path))
    assert [drawn() for _ in range(3)] == expected


def test_seeds_and_ranks_draw_their_own_numbers():
    found = set()
    for seed, rank in ((0, 0), (0, 1), (1, 0)):
        seed_all(seed, rank=rank)
        found.add(str(drawn()))
    assert len(found) == 3
    seed_all(0)
    assert str(drawn()) in found
