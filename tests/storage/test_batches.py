"""Random epochs: each row once with its label, in the order of the seed, whatever threads and consumers do."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from storage import open_version
from storage.batches import random_batches
from storage.errors import DamagedDataset
from storage.shuffling import epoch_order

SHARDS = (5, 0, 1, 8, 30)
ROWS = sum(SHARDS)


@pytest.fixture(params=["bcolz", "hdf5"])
def published(request: pytest.FixtureRequest, publish_rows):
    return publish_rows(request.param, shards=SHARDS)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("size", "threads"), [(1, 1), (7, 3), (ROWS, 2), (100, 2)])
def test_an_epoch_gives_each_row_once_with_its_label(published, size: int, threads: int, check: bool):
    with open_version(published.tiers, "photos", check=check) as version:
        found = list(random_batches(version, 8, size=size, seed=5, epoch=1, threads=threads))
        assert [len(batch.rows) for batch in found[:-1]] == [size] * (len(found) - 1)
        np.testing.assert_array_equal(
            np.concatenate([batch.rows for batch in found]), epoch_order(ROWS, seed=5, epoch=1)
        )
        # All are kept at once: none may have been given memory that another still has.
        for batch in found:
            np.testing.assert_array_equal(batch.images, published.images[8][batch.rows])
            np.testing.assert_array_equal(batch.labels, version.labels[batch.rows])


def test_a_view_of_a_batch_outlives_it(published):
    with open_version(published.tiers, "photos") as version:
        kept = [(batch.rows[0], batch.images[0][:, 1:]) for batch in random_batches(version, 8, size=3)]
        for row, pixels in kept:
            np.testing.assert_array_equal(pixels, published.images[8][row][:, 1:])


def test_memory_of_batches_that_are_gone_is_used_again(published):
    with open_version(published.tiers, "photos") as version:
        places = {batch.images.ctypes.data for batch in random_batches(version, 8, size=4, threads=1)}
        assert len(places) <= 5


def test_an_epoch_is_continued_at_any_batch(published):
    with open_version(published.tiers, "photos") as version:
        whole = [batch.rows.tolist() for batch in random_batches(version, 8, size=6, seed=2)]
        for first in (0, 3, len(whole)):
            assert [batch.rows.tolist() for batch in random_batches(version, 8, size=6, seed=2, first=first)] == (
                whole[first:]
            )


def test_a_consumer_that_stops_early_leaves_no_thread(published):
    with open_version(published.tiers, "photos") as version:
        batches = random_batches(version, 8, size=2)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_damage_is_raised_to_the_consumer(published, flip_bit):
    shard = published.object(4, 8)
    path = shard if shard.is_file() else shard / "images" / "data" / "__3.blp"
    content = path.read_bytes()
    flip_bit(path, content.index(published.images[8][14 + 6].tobytes()) + 9)
    with (
        open_version(published.tiers, "photos") as version,
        pytest.raises(DamagedDataset, match="is not what was published; nothing of it was returned"),
    ):
        list(random_batches(version, 8, size=5))
