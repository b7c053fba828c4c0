"""What the tests of pages find on disk and on Prefect's server, made by the flows that a user runs, in tiny.

`python -m tests.browser.made_premises FOLDER` makes it in an empty folder; PREFECT_API_URL names the server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from flows.image_job import ImageJob
from flows.make_pairs import make_pairs
from flows.pair_job import PairJob
from flows.prepare_images import prepare_images
from flows.train_job import TrainJob
from flows.train_model import TrainOutcome, train_model
from storage.errors import TooManyRefused
from storage.staging import needed_for_sizes, stage
from storage.tiers import Tiers
from tasks.ops.training_process import TrainingFailed
from tests.browser.made_runs import make_runs
from tests.browser.picture_tree import add_pictures, make_pictures
from tests.prefect_home import BUILD
from tests.tasks.ops.searchable import published_searchable

SIZES = (64, 32)
LOOP = ("loop.cpu_threads=1", "loop.report_steps=1")
GIVE_UP_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Place:
    """The folder in which all of it is made."""

    folder: Path

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.folder / "slow", self.folder / "fast")

    @property
    def roots(self) -> dict[str, Any]:
        return {"slow": self.tiers.slow, "fast": self.tiers.fast}

    @property
    def source(self) -> Path:
        return self.folder / "pictures" / "train"

    def images(self, dataset: str, *, max_refused: float) -> ImageJob:
        """Return the job that prepares the pictures as `dataset`; nothing is staged by it."""
        return ImageJob(
            source=self.source,
            dataset=dataset,
            sizes=SIZES,
            rows_per_shard=32,
            workers=1,
            test=0.2,
            max_refused=max_refused,
            access="sequential",
            **self.roots,
        )

    def trained(self, recipe: str, *settings: str, **others: Any) -> TrainOutcome:
        """Train a recipe of ours on the CPU; it is registered, and promoted if it is better."""
        return train_model(TrainJob(recipe=recipe, settings=(*LOOP, *settings), device="cpu", **self.roots, **others))


def publish_pictures(place: Place) -> None:
    """Publish two versions of `pictures`, and stage the smaller size of the second."""
    make_pictures(place.source)
    first = prepare_images(place.images("pictures", max_refused=0.5))
    add_pictures(place.source)
    second = prepare_images(place.images("pictures", max_refused=0.5))
    assert (first.status, second.status) == ("published", "published")
    stage(place.tiers, "pictures", needed_for_sizes(second.version, (32,)))


def leave_unfinished(place: Place) -> None:
    """Leave `strict`, too much of which was refused, and `torn`, whose run was killed: shards of each, no version."""
    with pytest.raises(TooManyRefused):
        prepare_images(place.images("strict", max_refused=0.0))
    torn = place.tiers.authority("torn")
    job = place.images("torn", max_refused=0.5).model_copy(update={"rows_per_shard": 4})
    program = (
        "import sys; from flows.prepare_images import *; prepare_images(ImageJob.model_validate_json(sys.argv[1]))"
    )
    run = subprocess.Popen([sys.executable, "-c", program, job.model_dump_json()], start_new_session=True)
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not any(torn.path.glob("receipts/**/*.json")):
        assert run.poll() is None, f"it ended with {run.returncode}"
        assert time.monotonic() < give_up, "it built no shard"
        time.sleep(0.002)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not any(torn.versions.iterdir()), "it was published before it could be killed"


def make_models(place: Place) -> None:
    """Train three models; of `superres` the second version is worse; a run of `digits` failed."""
    tiny = ("dataset=pictures", "large=64", "small=32", "test_rows=4", "width=4", "blocks=1", "batch_size=16")
    kept = (*tiny, 'norm="none"', 'skip="bicubic"', "loop.validate_steps=4")
    first = place.trained("superres", *kept, "phases=[{epochs=2, side=32, learning_rate=1e-3}]")
    worse = place.trained("superres", *tiny, 'skip="none"', "phases=[{epochs=0.2, side=32, learning_rate=1e-6}]")
    assert (first.decision.is_granted, worse.decision.is_granted) == (True, False)
    place.trained(
        "gan-generator",
        *("dataset=pictures-numbers", "large=64", "small=64", "test_rows=4", "batch_size=16", "loop.validate_steps=4"),
        'network={net="small", width=4}',
        "phases=[{epochs=2, learning_rate=1e-3}]",
    )
    place.trained(
        "wgan",
        *("dataset=pictures", "size=32", "width=4", "noise=8", "batch_size=16", "samples=40", "n_critic=2"),
        *("phases=[{epochs=4, learning_rate=1e-3}]", "loop.validate_steps=6"),
    )
    with pytest.raises(TrainingFailed, match="out of memory"):
        place.trained("tests.training.digits_recipe", "fails_at=9", name="digits")


def keep_bytecode(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let training processes find what the first of them compiled, where Python is told to keep nothing.

    What they import of torch takes each of them 2 CPU s to compile.
    """
    if sys.dont_write_bytecode:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(folder))


def main() -> None:
    """Make all of it in the folder that is named."""
    place = Place(Path(sys.argv[1]).absolute())
    published_searchable(place.folder)
    publish_pictures(place)
    leave_unfinished(place)
    outcome = make_pairs(PairJob(origin="pictures", recipe="numbers", workers=1, **place.roots))
    assert outcome.dataset == "pictures-numbers"
    with pytest.MonkeyPatch.context() as patch:
        keep_bytecode(patch, BUILD / "bytecode")
        make_models(place)
    with get_client(sync_client=True) as client:
        make_runs(client, source=place.source, slow=place.tiers.slow, fast=place.tiers.fast)


if __name__ == "__main__":
    main()
