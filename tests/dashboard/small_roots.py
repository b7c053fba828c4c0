"""Two roots with one of everything that pages show, made by the steps of the product without Prefect and torch."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from storage.bundles import Bundle
from storage.layout import DatasetFolder
from storage.lineage import Code, Lineage, Origin
from storage.registration import register
from storage.run_directory import RunDirectory
from storage.scratch import scratch_folder
from storage.staging import needed_for_sizes, stage
from storage.tiers import Tiers
from storage.versions import read_version
from tasks.ops.listing import list_class_folders
from tasks.ops.planning import make_plan
from tasks.ops.shard_building import DecodingGuard, build_shard
from tasks.ops.shard_jobs import shard_jobs
from tests.faults.bare_pairs import BarePairs, make
from tests.faults.bare_prepare import BareJob, prepare, settings_of
from tests.faults.hostile_names import Tree, put_hostile_names
from tests.faults.hostile_pictures import jpeg
from tests.oracles.conversions import encoded
from tests.storage.stored_models import METRIC, finished_run, new_model, promoted, registered
from tests.tasks.ops.prepared_images import add_files
from tests.tasks.ops.searchable import Searchable, picture, published_searchable

SECRET = b"the bytes of a file that no page may show"
MARKUP = '<script>alert(1)</script><img src=x onerror="alert(2)">'
RUN = "run-1"
PAIRS = 'name = "plain"\n[[defects]]\ndefect = "gaussian-noise"\n'
SAMPLES = ("000000002-faces.png", "000000009-faces.png")
CARD = f"""# Version {{}}

{MARKUP}
<style>body {{{{ display: none }}}}</style>

[click](javascript:alert(3)) [data](data:text/html,<script>alert(4)</script>) ![far](http://example.org/x.png)

| name | figure |
|:-----|-------:|
| loss |   0.25 |
"""


@dataclass(frozen=True)
class Roots:
    """Everything below `root`; `secret` is a file beside both roots."""

    root: Path

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.root / "slow", self.root / "fast")

    @property
    def secret(self) -> Path:
        return self.root / "secret.png"

    def folder(self, dataset: str) -> DatasetFolder:
        return self.tiers.authority(dataset)

    def copied(self, root: Path) -> Roots:
        """Return a copy of all, links and times as they are, which a test may damage."""
        return Roots(Path(shutil.copytree(self.root, root, symlinks=True)))


def made_roots(root: Path) -> Roots:
    """Make all below `root`, which should not be there yet.

    Datasets: `photos` with words, splits, a model and an index to search; `hostile`, of hostile names, some refused;
    `photos-plain`, pairs; `torn`, whose build stopped half-way; `nothing`, all of whose images were refused. Models:
    `devise`; `faces` of the pairs, whose card, samples and metrics are hostile; `candidate`, which was never promoted;
    `begun`, which has no version. A run of `photos` failed.
    """
    roots = Roots(root)
    searchable = published_searchable(root)
    roots.secret.write_bytes(SECRET)
    _publish_hostile(roots)
    refused = root / "refused"
    add_files(refused, {"cat/a.jpg": b"", "cat/b.jpg": b"no picture"})
    prepare(_job(roots, refused, "nothing"))
    make(BarePairs(str(roots.tiers.slow), str(roots.tiers.fast), PAIRS, "photos-plain", side=16))
    leave_unfinished(roots, searchable)
    _register_faces(roots)
    registered(new_model(roots.tiers.slow, "candidate"))
    new_model(roots.tiers.slow, "begun")
    write_failure(roots.folder("photos"))
    stage(roots.tiers, "photos", needed_for_sizes(read_version(roots.folder("photos"), 1), (8,)))
    return roots


def _job(roots: Roots, source: Path, dataset: str) -> BareJob:
    return BareJob(str(source), str(roots.tiers.slow), dataset, rows_per_shard=64, max_refused=1.0)


def _publish_hostile(roots: Roots) -> None:
    tree = Tree(roots.root / "names", roots.root, {})
    put_hostile_names(tree)
    tree.put(b"names/<b>torn.jpg", jpeg()[:-200], "")
    tree.put(b"names/\"empty'.jpg", b"", "")
    assert prepare(_job(roots, tree.source, "hostile"))["status"] == "published"


def leave_unfinished(roots: Roots, searchable: Searchable, *, shards: int = 2) -> None:
    """Plan `torn` of 13 images in shards of 3, one refused, and build the first `shards`; nobody holds it."""
    source = roots.root / "torn-source"
    shutil.copytree(searchable.source, source)
    add_files(source, {"no such thing/broken.png": encoded(picture("no such thing", 9), "PNG")[:40]})
    job = replace(_job(roots, source, "torn"), rows_per_shard=3)
    start_build(roots, job, shards=shards)


def start_build(roots: Roots, job: BareJob, *, shards: int) -> None:
    """Do what a build does until it has written the first `shards` receipts."""
    from storage.datasets import create_dataset
    from storage.plans import SourceTree, write_plan

    folder = create_dataset(roots.tiers.slow, job.dataset)
    source = SourceTree(job.source, None)
    plan, shuffled = make_plan(
        list_class_folders(Path(job.source)), None, dataset=job.dataset, source=source, settings=settings_of(job)
    )
    write_plan(folder, plan, shuffled)
    with scratch_folder(folder) as scratch:
        for job_of_shard in shard_jobs(folder, plan, shuffled, plan.shards[:shards], {}, scratch):
            build_shard(job_of_shard, DecodingGuard())


def _register_faces(roots: Roots) -> Bundle:
    """Register a model that learnt from the pairs; the directory of its run has samples and markup in its figures."""
    folder = new_model(roots.tiers.slow, "faces")
    run = finished_run(folder.runs / RUN, weights=b"weights", recipe="superres")
    origins = (Origin("rows", "photos-plain", 1, "2" * 64),)
    code = (Code("0.1.0", "3" * 40, True, "4" * 64),)
    run.lineage.unlink()
    run.write_lineage(
        Lineage("superres", "1" * 64, METRIC, origins, code, (("torch", "2.13.0"),), seed=0, processes=1, device="cpu")
    )
    for step in range(1, 10):
        run.append_metrics({"kind": "train", "step": step, "steps": 9, "losses": {MARKUP: 1 / step}})
    run.append_metrics({"kind": "valid", "step": 9, "steps": 9, "metrics": {"accuracy": 0.5, MARKUP: 0.25}})
    _write_samples(run)
    with scratch_folder(folder) as scratch:
        made_of = (("run", RUN), ("recipe", "superres"))
        version = register(folder, run, request="1" * 64, made_of=made_of, card=CARD.format, scratch=scratch)
    promoted(folder, version)
    return version


def _write_samples(run: RunDirectory) -> None:
    run.samples.mkdir()
    for number, name in enumerate(SAMPLES):
        (run.samples / name).write_bytes(encoded(picture("no such thing", number), "PNG"))


def write_failure(folder: DatasetFolder, *, at: str = "2026-11-20T10:00:00+00:00") -> None:
    """Leave the note of a run that failed as `flows.run_log` writes it."""
    folder.logs.mkdir(exist_ok=True)
    note = {
        "at": at,
        "command": "prepare_images",
        "dataset": folder.name,
        "error": "ValueError",
        "message": f"Flow run encountered an exception: it broke on {MARKUP}\nand a second line",
        "exit_code": 1,
        "path": os.fspath(folder.path),
    }
    (folder.logs / "20261120T100000-1.failure.json").write_text(json.dumps(note))
