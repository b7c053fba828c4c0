"""The steps of the flow `prepare_images` without Prefect, whose server would take most of a trial's time.

In a process of its own, by `run_bare`, with the pool of workers; or in this one, by `prepare`, where a shard is
built by the process itself. What the flow adds, and so what this leaves out, are tasks, artifacts and the bar.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from storage.datasets import create_dataset
from storage.errors import DatasetError, named_disk_errors
from storage.locking import dataset_lock
from storage.parameters import Parameters, SplitRule
from storage.plans import PlanSettings, SourceTree, write_plan
from storage.receipts import Receipt, find_receipt
from storage.records import fingerprint
from storage.scratch import scratch_folder
from storage.space import reserved
from storage.spares import ensure_spare
from storage.tiers import Tiers
from storage.versions import current_version
from tasks.ops.decode import COLOUR_POLICY
from tasks.ops.former_version import former_of, is_whole
from tasks.ops.listing import list_class_folders
from tasks.ops.pixel_libraries import pixel_libraries
from tasks.ops.planning import make_plan, needed_bytes, predecessors, same_listing
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.publication import publish_plan
from tasks.ops.shard_building import DecodingGuard, ShardJob, build_shard
from tasks.ops.shard_jobs import shard_jobs
from tasks.ops.shard_pool import build_shards
from tests.faults.sabotage import sabotage_if_asked

REPOSITORY = Path(__file__).parents[2]

sabotage_if_asked()

Build = Callable[[Iterable[ShardJob]], Iterable[Receipt]]


@dataclass(frozen=True)
class BareJob:
    """What `prepare` is asked for; all paths as text, so that a job is JSON."""

    source: str
    root: str
    dataset: str = "demo"
    sides: tuple[int, ...] = (16, 8)
    array_format: str = "hdf5"
    rows_per_shard: int = 8
    max_refused: float = 0.01
    workers: int = 2


def run_bare(job: BareJob, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a process that prepares `job` with a pool of workers, in a session of its own.

    It prints one JSON object, {"status", "version", "built"} or {"error", "message"}, and ends with the exit code of
    the command line.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.bare_prepare", json.dumps(asdict(job))],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def build_here(jobs: Iterable[ShardJob]) -> Iterable[Receipt]:
    """Build each shard in this process."""
    return (build_shard(job, DecodingGuard()) for job in jobs)


def prepare(job: BareJob, *, build: Build = build_here) -> dict[str, object]:
    """Take the steps of the flow; return {"status", "version", "built"}, where `built` counts the shards that were."""
    folder = create_dataset(Path(job.root), job.dataset)
    with (
        named_disk_errors(folder.path, doing="it was prepared"),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        # Before the listing: what another run publishes while this one lists is newer than what it finds.
        current = current_version(folder)
        listing = list_class_folders(Path(job.source))
        former = former_of(folder, current, settings_of(job))
        if current and former and same_listing(listing, former) and is_whole(folder, current):
            ensure_spare(folder, current, scratch)
            return {"status": "unchanged", "version": current.number, "built": 0}
        plan, shuffled = make_plan(
            listing, former, dataset=folder.name, source=SourceTree(job.source, None), settings=settings_of(job)
        )
        write_plan(folder, plan, shuffled)
        missing = tuple(shard for shard in plan.shards if find_receipt(folder, shard.key) is None)
        jobs = shard_jobs(folder, plan, shuffled, missing, predecessors(plan, shuffled, former), scratch)
        built = 0
        with reserved(Path(job.root), needed_bytes(plan, missing), purpose="arrays") as room:
            for receipt in build(jobs):
                room.spend(receipt.bytes)
                built += 1
        published = publish_plan(
            tiers_of(job),
            plan,
            shuffled,
            scratch=scratch,
            built_on=current.number if current else None,
            max_refused=job.max_refused,
            figures=BuildFigures(built, 0.0, 0.0),
        )
    status = "published" if published.is_new else "unchanged"
    return {"status": status, "version": published.version.number, "built": built}


def settings_of(job: BareJob) -> PlanSettings:
    """Return the settings of the plan that `job` leads to."""
    parameters = Parameters(
        sides=job.sides,
        array_format=job.array_format,
        fidelity="exact",
        interpolation="bilinear",
        max_pixels=50_000_000,
        max_scans=64,
        colour_policy=COLOUR_POLICY,
        split=SplitRule("source", 0.05, 0.05),
        libraries=pixel_libraries(),
    )
    return PlanSettings(parameters, 0, job.rows_per_shard, fingerprint([None, None]))


def tiers_of(job: BareJob) -> Tiers:
    """Return both roots of `job`, which are one."""
    return Tiers(Path(job.root), Path(job.root))


def main() -> None:
    """Prepare the job in the first argument."""
    from flows.exit_codes import exit_code_of

    fields = json.loads(sys.argv[1])
    job = BareJob(**fields | {"sides": tuple(fields["sides"])})
    try:
        print(json.dumps(prepare(job, build=lambda jobs: build_shards(jobs, workers=job.workers, work=build_shard))))
    except (DatasetError, OSError, ValueError) as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
