"""Two pictures of each row, from pairs or from two sizes: the same rows side by side, and no others by mistake."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from storage.errors import UnknownDataset
from storage.layout import DatasetFolder
from storage.pins import pinned
from storage.reading import OpenVersion
from storage.tiers import Tiers
from tests.faults.bare_pairs import BarePairs, make
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures
from tests.oracles.published_dataset import record_body, rows_of
from tests.storage.stored_models import new_model, registered
from training.picture_pairs import LARGE, SMALL, open_picture_pairs
from training.sources import StoredRows

ROWS = 12
RECORDS = {"photos": "version", "spoilt": "pair-version"}
NEWEST = {"photos": 1, "spoilt": 2}
BLURRED = """
name = "blurred-half"
bad_side = "1/2"
[[defects]]
defect = "shrink"
side = "1/2"
[[defects]]
defect = "blur"
radius = [2, 2]
"""
HALF = BLURRED[: BLURRED.rindex("[[")]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with `photos` of 16 and 8 pixels, and `spoilt`, pairs of 16 and 8 pixels in two versions. Read only."""
    root = tmp_path_factory.mktemp("published")
    slow = root / "slow"
    prepare(BareJob(str(add_pictures(root / "source", ROWS)), str(slow), "photos"))
    for recipe in (HALF, BLURRED):
        make(BarePairs(str(slow), str(slow), recipe, "spoilt", side=16))
    return slow


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(
    slow: Path, dataset: str, resources: ExitStack, *, number: int | None = None, large: int = 16, small: int = 8
) -> tuple[StoredRows, OpenVersion]:
    tiers = Tiers(slow, slow)
    return open_picture_pairs(tiers, dataset, number=number, large=large, small=small, resources=resources)


def published(slow: Path, dataset: str, number: int, place: int) -> np.ndarray:
    """Return the rows of one of the arrays of a version, read by the oracle."""
    shards = record_body(slow / dataset / f"versions/{number:08d}.json", RECORDS[dataset])["shards"]
    paths = [slow / dataset / "objects" / shard["objects"][place]["name"] for shard in shards]
    return np.concatenate([rows_of(path)[0] for path in paths])


@pytest.mark.parametrize("dataset", ["photos", "spoilt"])
def test_the_pictures_of_a_row_are_those_that_were_published_side_by_side(
    dataset: str, slow: Path, resources: ExitStack
):
    source, version = opened(slow, dataset, resources)
    assert (len(source), version.version.number) == (ROWS, NEWEST[dataset])
    order = np.random.default_rng(0).permutation(ROWS)
    found = source.read(order)
    assert set(found) == {LARGE, SMALL}
    for place, name in enumerate((LARGE, SMALL)):
        assert np.array_equal(found[name], published(slow, dataset, NEWEST[dataset], place)[order]), name


def test_an_older_version_of_pairs_is_read_where_its_number_is_given(slow: Path, resources: ExitStack):
    source, version = opened(slow, "spoilt", resources, number=1)
    assert version.version.number == 1
    small = source.read(np.arange(ROWS))[SMALL]
    assert np.array_equal(small, published(slow, "spoilt", 1, 1))
    assert not np.array_equal(small, published(slow, "spoilt", 2, 1))


@pytest.mark.parametrize("dataset", ["photos", "spoilt"])
def test_a_version_is_held_until_the_resources_are_closed(dataset: str, slow: Path, tmp_path: Path):
    shutil.copytree(slow, tmp_path, dirs_exist_ok=True)
    folder = DatasetFolder(tmp_path / dataset)
    with ExitStack() as resources:
        _, version = opened(tmp_path, dataset, resources)
        held = pinned(folder)
        assert held.versions == {version.version.number}
        assert held.objects == {stored.name for stored in version.version.objects}
    assert pinned(folder).versions == frozenset()


# ---- What cannot be opened


@pytest.mark.parametrize(("large", "small"), [(32, 16), (16, 4), (8, 16)])
def test_pairs_of_other_sizes_are_refused_with_the_settings_for_those_that_there_are(
    large: int, small: int, slow: Path, resources: ExitStack
):
    said = (
        f"^spoilt has pairs of 16 and 8 pixels, not of {large} and {small}: "
        "set large = 16 and small = 8, or make other pairs$"
    )
    with pytest.raises(UnknownDataset, match=said):
        opened(slow, "spoilt", resources, large=large, small=small)


@pytest.mark.parametrize(("large", "small"), [(32, 8), (16, 32)])
def test_a_size_that_was_not_published_is_refused_with_those_that_were(
    large: int, small: int, slow: Path, resources: ExitStack
):
    with pytest.raises(UnknownDataset, match=r"^photos has no size 32; it has: 16, 8$"):
        opened(slow, "photos", resources, large=large, small=small)


def test_an_unknown_dataset_or_version_is_refused(slow: Path, resources: ExitStack):
    with pytest.raises(UnknownDataset, match="none holds no published version; run: imagemill prepare"):
        opened(slow, "none", resources)
    for dataset in ("photos", "spoilt"):
        with pytest.raises(UnknownDataset, match=f"{dataset} has no version 9; it has: 1"):
            opened(slow, dataset, resources, number=9)


def test_a_model_has_no_pictures(tmp_path: Path, resources: ExitStack):
    registered(new_model(tmp_path))
    with pytest.raises(UnknownDataset, match="model-digits holds files such as word maps, and no images"):
        opened(tmp_path, "model-digits", resources)
