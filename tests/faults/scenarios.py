"""What faults strike: the first build of a small dataset, and an addition to a published one; and what must hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.faults.bare_prepare import BareJob
from tests.faults.figures import record
from tests.faults.fork_server import ForkServer
from tests.oracles.published_dataset import (
    assert_proved,
    assert_whole,
    receipt_bodies,
    state_of,
    version_bodies,
)

State = tuple[str, dict[str, str]]
MEMORY = Path("/dev/shm")
"""Where trials run if it is there: thousands of syncs to a real disk would take most of the time."""

PICTURE = (40, 30)
LISTED_AT_NS = 1_700_000_000_000_000_000
"""The time of every image file, so that the same images make the same dataset in every process."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A job, the root that it finds, and the versions before and after it when nothing goes wrong."""

    name: str
    job: BareJob
    found: Path
    before: list[State]
    after: list[State]
    keys: frozenset[str]
    """The shards of the last version."""

    @property
    def source(self) -> Path:
        return Path(self.job.source)

    @contextmanager
    def root(self) -> Iterator[BareJob]:
        """Make a root that only this trial uses; give the job that works there."""
        with tempfile.TemporaryDirectory(dir=self.found.parent) as folder:
            root = shutil.copytree(self.found, Path(folder, "root"))
            yield replace(self.job, root=str(root))


def dataset_of(job: BareJob) -> Path:
    """Return the folder of the dataset that `job` prepares."""
    return Path(job.root, job.dataset)


@contextmanager
def trial_place() -> Iterator[Path]:
    """Make a folder for sources and roots, in memory where that can be."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder).resolve()


def first_build(place: Path, server: ForkServer, job: BareJob, *, images: int = 12) -> Scenario:
    """Return the scenario of a dataset that is not there yet; one image in twelve is broken."""
    folder = Path(tempfile.mkdtemp(dir=place))
    write_images(folder / "source", range(images))
    (folder / "found").mkdir()
    return _scenario("first build", server, replace(job, source=str(folder / "source")), folder)


def addition(place: Path, server: ForkServer, job: BareJob) -> Scenario:
    """Return the scenario of a published version, to whose source images were added; the time of one changed."""
    folder = Path(tempfile.mkdtemp(dir=place))
    source, found = folder / "source", folder / "found"
    job = replace(job, source=str(source))
    write_images(source, range(12))
    found.mkdir(parents=True)
    assert server.trial(replace(job, root=str(found))).told["status"] == "published"
    write_images(source, range(12, 18))
    os.utime(next(source.rglob("picture 3.JPEG")), ns=(LISTED_AT_NS, LISTED_AT_NS + 1))
    return _scenario("addition", server, job, folder)


def write_images(source: Path, numbers: range) -> None:
    """Write small pictures of three classes; every twelfth is cut short."""
    for number in numbers:
        chance = np.random.default_rng(number)
        coarse = chance.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        path = source / f"n0000000{number % 3}" / f"picture {number}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize(PICTURE, Image.Resampling.BICUBIC).save(path, "JPEG", quality=90)
        if number % 12 == 7:
            path.write_bytes(path.read_bytes()[:-200])
        os.utime(path, ns=(LISTED_AT_NS, LISTED_AT_NS))


def _scenario(name: str, server: ForkServer, job: BareJob, folder: Path) -> Scenario:
    found = folder / "found"
    before = states_of(found / job.dataset)
    undisturbed = Scenario(name, job, found, before, [], frozenset())
    with undisturbed.root() as placed:
        ended = server.trial(placed)
        assert ended.told.get("status") == "published", ended
        dataset = dataset_of(placed)
        last = version_bodies(dataset)[len(before) + 1]
        assert_whole(dataset, last, undisturbed.source)
        keys = frozenset(shard["key"] for shard in last["shards"])
        return replace(undisturbed, after=states_of(dataset), keys=keys)


def states_of(dataset: Path) -> list[State]:
    """Return identity and objects of each published version, the oldest first."""
    return [state_of(body) for body in version_bodies(dataset).values()]


# ---- What must hold

Trial = tuple[str, Callable[[], None]]
"""What is done, in a few words, and a function that does it and raises AssertionError if a promise is broken."""


def assert_all_hold(row: int, fault: str, trials: Iterable[Trial]) -> None:
    """Make all trials, note how many of them held, and only then complain of those that did not."""
    broken, injected = [], 0
    for name, trial in trials:
        injected += 1
        try:
            trial()
        except AssertionError as error:
            broken.append(f"{name}: {error}")
    record(row, fault=fault, injected=injected, held=injected - len(broken))
    assert not broken, f"{len(broken)} of {injected} broke the promise:\n" + "\n".join(broken)


def assert_old_or_new(scenario: Scenario, dataset: Path) -> bool:
    """Check that what is published is whole and all of before or all of after, and every receipt true; tell if new."""
    bodies = version_bodies(dataset)
    states = [state_of(body) for body in bodies.values()]
    assert states in (scenario.before, scenario.after), f"{len(states)} versions that are neither before nor after"
    for body in bodies.values():
        assert_whole(dataset, body, scenario.source)
    for receipt in receipt_bodies(dataset).values():
        assert_proved(dataset, receipt)
    return states == scenario.after


def assert_resumes(scenario: Scenario, server: ForkServer, job: BareJob) -> None:
    """Run `job` to its end: only what has no receipt is built, and all is as if nothing had ever happened."""
    proved = proved_in(dataset_of(job))
    ended = server.trial(job)
    assert_finished(scenario, job, ended.code, ended.told, proved=proved)


def assert_finished(
    scenario: Scenario, job: BareJob, code: int, told: Mapping[str, object], *, proved: set[str]
) -> None:
    """Check the end of a run that found the receipts `proved`."""
    assert code == 0, f"the run ended with {code}: {told}"
    assert told["built"] == len(scenario.keys - proved), f"{len(proved)} receipts, but {told}"
    assert assert_old_or_new(scenario, dataset_of(job)), "the run published nothing"
    assert os.listdir(dataset_of(job) / "tmp") == []


def proved_in(dataset: Path) -> set[str]:
    """Return the keys of the shards that have a receipt."""
    return {path.stem for path in dataset.glob("receipts/*.json")}


def half_built_in(dataset: Path, scenario: Scenario) -> set[str]:
    """Return the keys of the shards that somebody began to build and that have no receipt."""
    begun = {path.name.split("-")[0] for path in dataset.glob("tmp/*/*-*")}
    return (begun & scenario.keys) - proved_in(dataset)
