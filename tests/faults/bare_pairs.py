"""The steps of the flow `make_pairs` without Prefect, as `bare_prepare` has those of `prepare_images`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from storage.datasets import create_dataset
from storage.errors import DatasetError
from storage.locking import dataset_lock
from storage.pair_versions import PAIRS, PairVersion
from storage.reading import open_version
from storage.receipts import Receipt
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from tasks.ops.pair_building import PairShardJob, build_pair_shard
from tasks.ops.pair_publication import pair_jobs, plan_pairs, publish_pairs
from tasks.ops.pair_recipe_files import parsed_recipe
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.shard_building import DecodingGuard
from tasks.ops.shard_pool import build_shards
from tests.faults.bare_prepare import REPOSITORY

Build = Callable[[Iterable[PairShardJob]], Iterable[Receipt]]


@dataclass(frozen=True)
class BarePairs:
    """What `make` is asked for; `recipe` is TOML, all paths are text, so that a job is JSON."""

    slow: str
    fast: str
    recipe: str
    dataset: str
    side: int = 8
    number: int | None = None
    origin: str = "photos"


def build_here(jobs: Iterable[PairShardJob]) -> Iterable[Receipt]:
    """Make the pairs of each shard in this process."""
    return (build_pair_shard(job, DecodingGuard()) for job in jobs)


def make(job: BarePairs, *, build: Build = build_here) -> tuple[PairVersion, bool, int]:
    """Take the steps of the flow; return the version, whether it is new, and the shards made for it."""
    tiers = Tiers(Path(job.slow), Path(job.fast))
    recipe = parsed_recipe(job.recipe, source="a test")
    with open_version(tiers, job.origin, number=job.number, access="sequential") as origin:
        plan = plan_pairs(origin.version, job.origin, recipe, side=job.side)
        folder = create_dataset(tiers.slow, job.dataset, kind=PAIRS)
        with dataset_lock(folder), scratch_folder(folder) as scratch:
            built = sum(1 for _ in build(pair_jobs(tiers, folder, plan, origin, scratch)))
            figures = BuildFigures(built, 1.0, 1.0)
            version, is_new = publish_pairs(tiers, folder, plan, origin, figures, scratch=scratch)
    return version, is_new, built


def run_bare_pairs(job: BarePairs, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a process that makes pairs with a pool of workers; it prints one JSON object, as `run_bare` does."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.bare_pairs", json.dumps(asdict(job))],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def main() -> None:
    """Make the pairs of the job in the first argument."""
    from flows.exit_codes import exit_code_of

    job = BarePairs(**json.loads(sys.argv[1]))
    try:
        version, is_new, built = make(job, build=lambda jobs: build_shards(jobs, workers=2, work=build_pair_shard))
        status = "published" if is_new else "unchanged"
        print(json.dumps({"status": status, "version": version.number, "built": built}))
    except (DatasetError, OSError, ValueError) as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
