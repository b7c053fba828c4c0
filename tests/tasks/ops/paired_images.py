"""Pairs of small published images, made by the steps of the flow without Prefect; and what they should be, worked out
row by row in another process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage.layout import DatasetFolder
from storage.pair_versions import BAD, GOOD, PairVersion
from storage.tiers import Tiers
from tasks.ops.pair_recipe_files import parsed_recipe
from tests.examples import PARAMETERS
from tests.faults.bare_pairs import BarePairs, Build, build_here, make
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
    name = dataset or f"photos-{parsed_recipe(recipe, source='a test').name}"
    job = BarePairs(str(tiers.slow), str(tiers.fast), recipe, name, side, number)
    return Paired(tiers, name, *make(job, build=build))


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
