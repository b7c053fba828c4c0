"""Readers that never stop while versions come, old ones go, and copies are made and evicted under them."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

from tests.faults.actors import ROLES, Workplace, start_actor
from tests.faults.bare_prepare import BareJob
from tests.faults.figures import record
from tests.faults.racers import Racers
from tests.faults.tiny_source import add_pictures, picture_name
from tests.oracles.published_dataset import assert_whole, version_bodies
from tests.oracles.published_rows import expected_square

PICTURES, FEWEST, MOST, STEP = 96, 24, 64, 4
"""There are so many pictures; the source always has a run of them, in a ring, of between so many and so many."""
SIDES = (16, 8)
AT_ONCE = ("opened", "staged", "evicted_bytes", "collections")
IN_TIME = ("unstaged", "deleted", "repairs")
"""What surely happens in some seconds, and what may need a minute on a busy machine."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_pictures(tmp_path_factory.mktemp("pictures"), PICTURES)


def save_expected(pictures: Path, path: Path) -> str:
    """Save the id of each picture and what it should look like at each size."""
    names = [picture_name(number) for number in range(PICTURES)]
    ids = [int.from_bytes(blake3(name.encode()).digest(length=8), "big") for name in names]
    expected: dict[str, Any] = {"ids": np.array(ids, np.uint64)}
    for side in SIDES:
        expected[f"squares_{side}"] = np.stack([expected_square(pictures / name, side) for name in names])
    np.savez(path, **expected)
    return str(path)


class ChangingSource:
    """A source that always holds a run of pictures in a ring: it gets some at one end and loses some at the other.

    A picture that comes back is the same file or, as after a new download, one with another time.
    """

    def __init__(self, pictures: Path, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self._pictures, self._chance = pictures, chance
        self._first, self._stop = 0, 0
        self._add(FEWEST)

    def change(self) -> None:
        """Add some pictures and, if there are many then, remove others."""
        self._add(STEP)
        if self._stop - self._first > self._chance.randint(FEWEST, MOST):
            for number in range(self._first, self._first + 2 * STEP):
                (self.folder / picture_name(number % PICTURES)).unlink()
            self._first += 2 * STEP

    def _add(self, count: int) -> None:
        for number in range(self._stop, self._stop + count):
            name = picture_name(number % PICTURES)
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy = self._chance.choice((shutil.copy, shutil.copy2))
            copy(self._pictures / name, self.folder / name)
        self._stop += count


@contextmanager
def started(role: str, workplace: Workplace) -> Iterator[subprocess.Popen[str]]:
    """Let an actor work; it does not outlive the block."""
    with start_actor(role, workplace, seed=list(ROLES).index(role)) as actor:
        try:
            yield actor
        finally:
            actor.kill()


def build_beside(
    actors: Iterable[subprocess.Popen[str]], racers: Racers, job: BareJob, source: ChangingSource
) -> Counter[str]:
    """Change the source and prepare it, again and again, while actors are at work; return how the runs ended."""
    ends = Counter[str]()
    while any(actor.poll() is None for actor in actors):
        source.change()
        ended = racers.ended(racers.start(job))
        ends[ended.status] += 1
        assert ended.code in (0, 11), f"{ended}"
    return ends


@pytest.mark.parametrize("seconds", [3, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("array_format", ["hdf5", pytest.param("bcolz", marks=pytest.mark.slow)])
def test_readers_see_whole_versions_whatever_happens_beside_them(
    array_format: str, seconds: int, pictures: Path, tmp_path: Path
):
    source = ChangingSource(pictures, tmp_path / "source", random.Random(seconds))
    job = BareJob(str(source.folder), str(tmp_path / "slow"), array_format=array_format)
    with Racers() as racers, ExitStack() as stack:
        assert racers.ended(racers.start(job)).status == "published"
        expected = save_expected(pictures, tmp_path / "expected.npz")
        (smallest,) = version_bodies(tmp_path / "slow" / job.dataset).values()
        # Enough for the first version; later ones have up to three times as many rows.
        budget = sum(stored["bytes"] for shard in smallest["shards"] for stored in shard["objects"])
        workplace = Workplace(job.root, str(tmp_path / "fast"), budget, job.dataset, expected, seconds)
        actors = {role: stack.enter_context(started(role, workplace)) for role in ROLES}
        ends = build_beside(actors.values(), racers, job, source)
        told = {role: json.loads(actor.communicate()[0]) for role, actor in actors.items()}
        ends[racers.ended(racers.start(job)).status] += 1
    done = sum((Counter(one["done"]) for one in told.values()), Counter[str]())
    errors = [f"{role}: {error}" for role, one in told.items() for error in one["errors"]]
    broken = sum(len(one["errors"]) for role, one in told.items() if role.endswith("reader"))
    record(
        8,
        fault=f"readers at work, {array_format}",
        injected=done["opened"] + broken,
        held=done["opened"],
        seconds=seconds,
        versions=ends["published"],
        **done,
    )
    assert not errors, "\n".join(errors)
    newest = list(version_bodies(tmp_path / "slow" / "demo").values())[-1]
    assert_whole(tmp_path / "slow" / "demo", newest, source.folder)
    for kind in AT_ONCE if seconds < 60 else AT_ONCE + IN_TIME:
        assert done[kind] > 0, f"nothing was {kind}: {done}"
    assert ends["published"] > 2
