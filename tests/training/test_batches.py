"""Batches: each row once an epoch in any processes, the same from any place on; pictures of a row treated alike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from storage import open_version
from training.augmentation import CropFlip
from training.batches import Batch, EpochDataset, RandomBatches, batches_in_order, unit_range
from training.distributed import World
from training.draws import Draws
from training.sources import MemoryRows, PickedRows, StoredRows, split_rows


def numbered(count: int, side: int = 6) -> MemoryRows:
    """Rows whose pixels tell the row, the line and the column, and labels that are the row."""
    images = np.zeros((count, side, side, 3), np.uint8)
    images[..., 0] = np.arange(count)[:, None, None]
    images[..., 1] = np.arange(side)[:, None]
    images[..., 2] = np.arange(side)
    return MemoryRows({"images": images, "labels": np.arange(count)})


def reader(count: int = 23, size: int = 4, **options) -> RandomBatches:
    return RandomBatches(numbered(count), size, 1, options.pop("world", World()), **options)


def first_of(batches, count: int) -> list[Batch]:
    found = list(itertools.islice(batches, count))
    batches.close()
    return found


def same(left: list[Batch], right: list[Batch]) -> bool:
    return len(left) == len(right) and all(
        torch.equal(one.rows, two.rows) and all(torch.equal(one[name], two[name]) for name in one.arrays)
        for one, two in zip(left, right, strict=True)
    )


def test_a_batch_has_the_pixels_and_labels_of_its_rows():
    source = numbered(23)
    for batch in first_of(RandomBatches(source, 4, 1, World()).batches(0, 0), 6):
        expected = source.read(batch.rows.numpy())
        assert batch["images"].shape == (len(batch), 3, 6, 6)
        assert batch["images"].is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(batch["images"].permute(0, 2, 3, 1).numpy(), expected["images"])
        assert batch["labels"].tolist() == batch.rows.tolist()
        assert unit_range(batch["images"]).max() <= 1


def test_epochs_follow_each_other_each_with_every_row_once():
    batches = first_of(reader().batches(0, 0), 18)
    epochs = [torch.cat([batch.rows for batch in batches[first : first + 6]]).tolist() for first in (0, 6, 12)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(23))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("place", [(0, 0), (0, 5), (1, 3), (2, 0)])
def test_batches_are_the_same_from_any_place_on_with_any_threads(place: tuple[int, int], threads: int):
    whole = first_of(reader(augmentation=CropFlip(4, "dihedral")).batches(0, 0), 18)
    rest = first_of(reader(augmentation=CropFlip(4, "dihedral"), threads=threads).batches(*place), 5)
    assert same(rest, whole[place[0] * 6 + place[1] :][:5])


@given(count=st.integers(1, 60), size=st.integers(1, 9), ranks=st.integers(1, 5), epoch=st.integers(0, 3))
def test_processes_share_the_rows_without_overlap_or_loss(count: int, size: int, ranks: int, epoch: int):
    if count < ranks:
        assert all(len(reader(count, size, world=World(rank, ranks))) == 0 for rank in range(ranks))
        return
    readers = [reader(count, size, world=World(rank, ranks)) for rank in range(ranks)]
    parts = [each.rows_of(epoch) for each in readers]
    assert len({len(part) for part in parts}) == 1
    assert [len(part) for part in parts] == [len(each) for each in readers]
    assert sorted(np.concatenate([rows for part in parts for rows in part])) == list(range(count))
    assert all(0 < len(rows) <= size + 1 for part in parts for rows in part)


@given(count=st.integers(1, 60), size=st.integers(1, 9), ranks=st.integers(1, 5))
def test_only_whole_batches_are_read_where_the_rest_is_dropped(count: int, size: int, ranks: int):
    for rank in range(ranks):
        part = reader(count, size, world=World(rank, ranks), last="dropped").rows_of(0)
        assert [len(rows) for rows in part] == [size] * (count // ranks // size)


def test_together_processes_read_the_batches_of_one_with_larger_ones():
    one = reader(48, 8).rows_of(2)
    two = [reader(48, 4, world=World(rank, 2)).rows_of(2) for rank in range(2)]
    assert [sorted(rows) for rows in one] == [sorted([*left, *right]) for left, right in zip(*two, strict=True)]


def test_validation_reads_each_row_once_in_order():
    alone = [batch.rows for batch in batches_in_order(numbered(23), 5, world=World())]
    assert torch.cat(alone).tolist() == list(range(23))
    ranks = [list(batches_in_order(numbered(23), 5, world=World(rank, 3))) for rank in range(3)]
    rows = torch.cat([batch.rows for part in ranks for batch in part]).tolist()
    assert sorted(rows) == list(range(23))


def test_a_batch_is_parted_without_loss():
    (batch,) = first_of(reader(23, 7).batches(0, 0), 1)
    for count in (1, 3, 7, 50):
        parts = batch.parts(count)
        assert len(parts) == min(count, 7)
        assert torch.equal(torch.cat([part.rows for part in parts]), batch.rows)
        assert torch.equal(torch.cat([part["images"] for part in parts]), batch["images"])


def test_torch_s_loader_gives_the_batches_of_an_epoch():
    dataset = EpochDataset(reader(augmentation=CropFlip(4)), epoch=1, first=2)
    found = list(DataLoader(dataset, batch_size=None))
    assert len(dataset) == 4
    assert same(found, first_of(reader(augmentation=CropFlip(4)).batches(1, 2), 4))


@pytest.mark.slow
def test_torch_s_loader_gives_the_same_batches_with_workers():
    dataset = EpochDataset(reader(augmentation=CropFlip(4)), epoch=1)
    found = list(DataLoader(dataset, batch_size=None, num_workers=2))
    assert same(found, first_of(reader(augmentation=CropFlip(4)).batches(1, 0), 6))


# ---- Augmentation


def aligned_pairs(count: int = 200) -> dict[str, torch.Tensor]:
    """Good pictures of 12 pixels and bad ones of 4, both telling where in the picture a pixel of the bad one lies."""
    small = numbered(count, 4).read(np.arange(count))["images"]
    return {"good": torch.from_numpy(small.repeat(3, axis=1).repeat(3, axis=2)), "bad": torch.from_numpy(small)}


@pytest.mark.parametrize("flips", ["none", "horizontal", "dihedral"])
def test_pictures_of_a_pair_are_cut_and_flipped_alike(flips):
    pairs = CropFlip(6, flips)(aligned_pairs(), Draws(0, 0, np.arange(200)))
    assert pairs["good"].shape == (200, 6, 6, 3)
    assert pairs["bad"].shape == (200, 2, 2, 3)
    assert torch.equal(pairs["good"][:, 1::3, 1::3], pairs["bad"])
    ways = {tuple((picture[..., 1:] - picture[..., 1:].amin((0, 1))).flatten().tolist()) for picture in pairs["bad"]}
    assert len(ways) == {"none": 1, "horizontal": 2, "dihedral": 8}[flips]


def test_every_place_is_cut_about_as_often_as_every_other():
    crops = CropFlip(4, "none")(numbered_tensors(2000, 6), Draws(0, 0, np.arange(2000)))["images"]
    places = np.unique(crops[:, 0, 0, 1:].numpy(), axis=0, return_counts=True)
    assert len(places[0]) == 9
    assert places[1].min() > 2000 / 9 * 0.75


def numbered_tensors(count: int, side: int) -> dict[str, torch.Tensor]:
    images = numbered(256, side).read(np.zeros(count, np.int64))["images"]
    return {"images": torch.from_numpy(images)}


def test_what_is_done_to_a_row_depends_on_seed_epoch_and_row_only():
    augment, pairs = CropFlip(6, "dihedral"), aligned_pairs()
    whole = augment(pairs, Draws(3, 5, np.arange(200)))["good"]
    some = np.array([150, 3, 77])
    alone = augment({name: array[some] for name, array in pairs.items()}, Draws(3, 5, some))["good"]
    assert torch.equal(alone, whole[some])
    assert not torch.equal(augment(pairs, Draws(3, 6, np.arange(200)))["good"], whole)
    assert not torch.equal(augment(pairs, Draws(4, 5, np.arange(200)))["good"], whole)


def test_what_is_no_picture_is_left_alone():
    labels = torch.arange(5)
    found = CropFlip(4)({**numbered_tensors(5, 6), "labels": labels}, Draws(0, 0, np.arange(5)))
    assert found["labels"] is labels


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        (CropFlip(13), "a crop of 13 pixels does not fit: it has to be a multiple of 3, at most 12"),
        (CropFlip(7), "of 3"),
    ],
)
def test_a_crop_that_does_not_fit_is_refused(crop: CropFlip, message: str):
    with pytest.raises(ValueError, match=message):
        crop(aligned_pairs(2), Draws(0, 0, np.arange(2)))


def test_pictures_that_are_not_aligned_are_refused():
    arrays = {"good": torch.zeros(1, 7, 7, 3, dtype=torch.uint8), "bad": torch.zeros(1, 4, 4, 3, dtype=torch.uint8)}
    with pytest.raises(ValueError, match="multiples of the smallest, got"):
        CropFlip()(arrays, Draws(0, 0, np.arange(1)))
    with pytest.raises(ValueError, match="no flips 'vertical'; there are: none, horizontal, dihedral"):
        CropFlip(flips="vertical")  # type: ignore[arg-type] # that is what is tested


@given(st.integers(0, 2**40), st.integers(0, 1000), st.integers(1, 1000))
def test_draws_lie_in_their_range_and_differ_by_name(seed: int, epoch: int, limit: int):
    draws = Draws(seed, epoch, np.arange(300))
    found = draws.below(limit, "top")
    assert found.dtype == np.int64
    assert 0 <= found.min() <= found.max() < limit
    uniform = draws.uniform("top")
    assert 0 <= uniform.min() <= uniform.max() < 1
    assert abs(np.corrcoef(uniform, draws.uniform("left"))[0, 1]) < 0.35


# ---- Sources


def test_rows_of_a_published_version_are_read_with_their_labels(publish_rows):
    published = publish_rows("hdf5", shards=(5, 0, 9))
    with open_version(published.tiers, "photos") as version:
        source = StoredRows({"good": version.rows(8), "bad": version.rows(4)}, {"labels": version.labels})
        read = RandomBatches(source, 4, 0, World())
        for batch in first_of(read.batches(0, 0), 4):
            rows = batch.rows.numpy()
            np.testing.assert_array_equal(batch["good"].permute(0, 2, 3, 1).numpy(), published.images[8][rows])
            np.testing.assert_array_equal(batch["bad"].permute(0, 2, 3, 1).numpy(), published.images[4][rows])
            np.testing.assert_array_equal(batch["labels"].numpy(), published.labels[rows])


def test_a_split_is_read_alone(publish_rows):
    published = publish_rows("hdf5", shards=(30,))
    with open_version(published.tiers, "photos") as version:
        rows = {split: split_rows(version, split) for split in ("train", "valid", "test")}
        assert sorted(itertools.chain(*rows.values())) == list(range(30))
        valid = PickedRows(StoredRows({"images": version.rows(8)}), rows["valid"])
        found = valid.read(np.arange(len(valid)))["images"]
        np.testing.assert_array_equal(found, published.images[8][rows["valid"]])
        with pytest.raises(ValueError, match="no row in the split 'held-out'; it has: test, train, valid"):
            split_rows(version, "held-out")


def test_a_source_needs_arrays_of_one_length():
    with pytest.raises(ValueError, match=r"arrays of equal length, got \{'good': 3, 'bad': 4\}"):
        MemoryRows({"good": np.zeros(3), "bad": np.zeros(4)})
    with pytest.raises(ValueError, match=r"numbers in 0\.\.22"):
        PickedRows(numbered(23), np.array([23]))
    with pytest.raises(ValueError, match="at least 1 row, read by 1 thread, got 0 and 2"):
        reader(size=0)
