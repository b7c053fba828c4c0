"""Pairs of small published images, made by the steps of the flow without Prefect; and what they should be, worked out
row by row in another process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.pair_versions import BAD, GOOD, PAIRS, PairVersion
from storage.reading import open_version
from storage.receipts import Receipt
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from tasks.ops.pair_building import PairShardJob, build_pair_shard
from tasks.ops.pair_publication import pair_jobs, plan_pairs, publish_pairs
from tasks.ops.pair_recipe import PairRecipe
from tasks.ops.pair_recipe_files import parsed_recipe
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.shard_building import DecodingGuard
from tests.examples import PARAMETERS
from tests.oracles.published_dataset import Body, record_body, rows_of
from tests.storage.random_versions import Published, published_rows

REPOSITORY = Path(__file__).parents[3]
FORMATS = ("bcolz", "hdf5")
HALF = """
name = "half"
bad_side = "1/2"
[[defects]]
defect = "gaussian-noise"
[[defects]]
defect = "shrink"
side = "1/2"
"""
SPECKLED = """
name = "speckled"
[[defects]]
defect = "gaussian-noise"
probability = 0.5
"""
ROW_BY_ROW = """
import sys
from pathlib import Path
import numpy as np
from tasks.ops.pair_recipe import crappified
from tasks.ops.pair_recipe_files import read_recipe
from tasks.ops.pair_streams import pair_seeds
for folder in map(Path, map(str.strip, sys.stdin)):
    good, ids, recipe = np.load(folder / "good.npy"), np.load(folder / "ids.npy"), read_recipe(folder / "recipe.toml")
    bad = [crappified(good[row], seed=int(pair_seeds(ids[[row]], recipe.seed)[0]), recipe=recipe)
           for row in reversed(range(len(good)))]
    np.save(folder / "bad.npy", np.stack(bad[::-1]))
    print("done", flush=True)
"""

Build = Callable[[Iterable[PairShardJob]], Iterable[Receipt]]


def build_here(jobs: Iterable[PairShardJob]) -> Iterable[Receipt]:
    """Make the pairs of each shard in this process."""
    return (build_pair_shard(job, DecodingGuard()) for job in jobs)


@dataclass(frozen=True)
class Paired:
    """A version of pairs, whether it was new, and how many shards were made for it."""

    tiers: Tiers
    dataset: str
    version: PairVersion
    is_new: bool
    built: int

    @property
    def folder(self) -> DatasetFolder:
        return self.tiers.authority(self.dataset)

    def object(self, shard: int, place: int) -> Path:
        """Return the path of one shard's good or bad array."""
        return self.folder.objects / self.version.shards[shard].objects[place].name


def photos(
    root: Path, array_format: str = "hdf5", *, shards: tuple[int, ...] = (5, 3), rows_per_chunk: int = 2
) -> Published:
    """Publish random rows of 8 and 4 pixels as the next version of `photos` below `root`."""
    parameters = replace(PARAMETERS, array_format=array_format)
    return published_rows(Tiers(root / "slow", root / "fast"), parameters, shards=shards, rows_per_chunk=rows_per_chunk)


def paired(
    tiers: Tiers,
    recipe: str = HALF,
    *,
    side: int = 8,
    number: int | None = None,
    dataset: str = "",
    build: Build = build_here,
) -> Paired:
    """Take the steps of the flow from `photos`; by default the dataset is named after the recipe."""
    parsed: PairRecipe = parsed_recipe(recipe, source="a test")
    dataset = dataset or f"photos-{parsed.name}"
    with open_version(tiers, "photos", number=number, access="sequential") as origin:
        plan = plan_pairs(origin.version, "photos", parsed, side=side)
        folder = create_dataset(tiers.slow, dataset, kind=PAIRS)
        with dataset_lock(folder), scratch_folder(folder) as scratch:
            built = len(list(build(pair_jobs(tiers, folder, plan, origin, scratch))))
            figures = BuildFigures(built, 1.0, 1.0)
            version, is_new = publish_pairs(tiers, folder, plan, origin, figures, scratch=scratch)
    return Paired(tiers, dataset, version, is_new, built)


def body_of(pairs: Paired) -> Body:
    """Return the record of the version, read without our code."""
    return record_body(pairs.folder.path / "versions" / f"{pairs.version.number:08d}.json", "pair-version")


def stored_rows(pairs: Paired, place: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64]]:
    """Return images, labels and ids of all good or bad arrays in order, read without our code."""
    objects = [shard["objects"][place]["name"] for shard in body_of(pairs)["shards"] if shard["rows"]]
    images, labels, ids = zip(*(rows_of(pairs.folder.objects / name) for name in objects), strict=True)
    return np.concatenate(images), np.concatenate(labels), np.concatenate(ids)


class Oracle:
    """Another process that makes each bad image alone, from the last to the first; it is started when it is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def bad(self, good: NDArray[np.uint8], ids: NDArray[np.uint64], recipe: str) -> NDArray[np.uint8]:
        """Return the bad images of good ones."""
        np.save(self._folder / "good.npy", good)
        np.save(self._folder / "ids.npy", ids)
        (self._folder / "recipe.toml").write_text(recipe)
        process = self._started()
        assert process.stdin
        assert process.stdout
        print(self._folder, file=process.stdin, flush=True)
        assert process.stdout.readline() == "done\n"
        return np.load(self._folder / "bad.npy")

    def assert_true(self, pairs: Paired, origin: Published, recipe: str, *, side: int = 8) -> None:
        """Check that good rows are those that were published, bad ones what the recipe makes of each, in one order."""
        good, labels, ids = stored_rows(pairs, GOOD)
        bad, bad_labels, bad_ids = stored_rows(pairs, BAD)
        assert good.tobytes() == origin.images[side].tobytes()
        assert np.array_equal(labels, origin.labels)
        assert np.array_equal(labels, bad_labels)
        assert np.array_equal(ids, bad_ids)
        assert bad.tobytes() == self.bad(good, ids, recipe).tobytes()

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, "-c", ROW_BY_ROW]
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self._process
