"""What is told of builds is what plans and receipts on disk say: of one at work, one that was killed, one elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.builds import ELSEWHERE_SECONDS, RATE_SECONDS, Build, BuildWatch
from storage.layout import DatasetFolder
from storage.locking import boot_id
from tests.dashboard.asking import Markup
from tests.dashboard.conftest import visitor_of
from tests.dashboard.small_roots import Roots, start_build
from tests.faults.bare_prepare import BareJob, prepare

REPOSITORY = Path(__file__).parents[2]
IMAGES, SHARDS, EACH = 13, 5, 3
HOLD = """
import sys
from pathlib import Path
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
with dataset_lock(DatasetFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder(roots: Roots) -> DatasetFolder:
    """The dataset `torn`: of 13 images in shards of three, one of them broken, two shards were built."""
    return roots.folder("torn")


@contextmanager
def held(folder: DatasetFolder) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock of a dataset."""
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def write_note(folder: DatasetFolder, *, host: str, pid: int, since: datetime, boot: str = "of-another") -> None:
    note = {"host": host, "pid": pid, "boot": boot, "since": since.isoformat(timespec="seconds")}
    folder.lock.write_text(json.dumps(note))


def receipts(folder: DatasetFolder) -> list[Path]:
    return sorted((folder.path / "receipts").glob("*.json"))


def job_of(roots: Roots) -> BareJob:
    return BareJob(str(roots.root / "torn-source"), str(roots.tiers.slow), "torn", rows_per_shard=EACH, max_refused=1.0)


def the_build(roots: Roots, watch: BuildWatch | None = None) -> Build:
    (build,) = (watch or BuildWatch(roots.tiers)).builds()
    return build


def test_a_build_that_stopped_is_told_as_its_receipts_say(roots: Roots, folder: DatasetFolder):
    build = the_build(roots)
    assert (build.dataset, build.listed, build.done) == ("torn", IMAGES, 2 * EACH)
    assert (build.holder, build.images_per_second, build.eta_seconds) == (None, None, None)
    assert build.share == pytest.approx(6 / 13)
    newest = max(path.stat().st_mtime for path in receipts(folder))
    assert build.last == datetime.fromtimestamp(newest, UTC)


@pytest.mark.parametrize("shards", range(SHARDS))
def test_refused_images_are_counted_by_their_reasons(roots: Roots, folder: DatasetFolder, shards: int):
    shutil.rmtree(folder.path)
    start_build(roots, job_of(roots), shards=shards)
    build = the_build(roots)
    told = [json.loads(path.read_text()) for path in receipts(folder)]
    refused = [each["reason"] for note in told for each in _body(note)["refused"]]
    assert build.done == min(EACH * shards, IMAGES)
    assert (build.refused, dict(build.reasons)) == (len(refused), {reason: refused.count(reason) for reason in refused})
    assert build.last is None or shards > 0


def _body(note: dict) -> dict:
    return note if "refused" in note else note["body"]


def test_a_build_of_which_a_living_process_holds_the_lock_is_at_work(roots: Roots, folder: DatasetFolder):
    for path in receipts(folder):
        os.utime(path, (time.time() + 1, time.time() + 1))  # written after the holder began
    with held(folder) as process:
        build = the_build(roots)
    assert build.holder is not None
    assert (build.holder.pid, build.holder.host) == (process.pid, socket.gethostname())
    rate = build.images_per_second
    assert rate is not None
    # Six images, at most since the holder began or in the last two minutes, and a second at least.
    assert 2 * EACH / RATE_SECONDS <= rate <= 2 * EACH
    assert build.eta_seconds == pytest.approx((IMAGES - 2 * EACH) / rate)


def test_a_build_whose_holder_died_is_unfinished(roots: Roots, folder: DatasetFolder):
    with held(folder) as process:
        watch = BuildWatch(roots.tiers)
        assert the_build(roots, watch).holder is not None
        process.kill()
        process.wait()
        assert the_build(roots, watch).holder is None


def test_images_of_the_last_two_minutes_make_the_rate(roots: Roots, folder: DatasetFolder):
    old, new = receipts(folder)
    now = time.time()
    os.utime(old, (now - 600, now - 600))
    os.utime(new, (now, now))
    write_note(
        folder, host=socket.gethostname(), pid=os.getpid(), since=datetime.now(UTC) - timedelta(hours=1), boot=boot_id()
    )
    rate = the_build(roots).images_per_second
    assert rate == pytest.approx(EACH / RATE_SECONDS)
    os.utime(new, (now - 600, now - 600))
    build = the_build(roots)
    assert build.holder is not None
    assert (build.images_per_second, build.eta_seconds) == (None, None)


@pytest.mark.parametrize("since", ["", "yesterday", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_holder_whose_note_tells_no_time_is_at_work_all_the_same(roots: Roots, folder: DatasetFolder, since: str):
    note = {"host": socket.gethostname(), "pid": os.getpid(), "boot": boot_id(), "since": since}
    folder.lock.write_text(json.dumps(note))
    assert the_build(roots).holder is not None


def test_a_builder_of_another_machine_is_at_work_while_its_shards_come(roots: Roots, folder: DatasetFolder):
    before = datetime.now(UTC) - timedelta(hours=5)
    write_note(folder, host="another", pid=1, since=before)
    assert the_build(roots).holder is not None
    long_ago = time.time() - ELSEWHERE_SECONDS - 60
    for path in receipts(folder):
        os.utime(path, (long_ago, long_ago))
    assert the_build(roots).holder is None
    write_note(folder, host="another", pid=1, since=datetime.now(UTC))
    assert the_build(roots).holder is not None


def test_a_damaged_receipt_counts_as_not_done_until_it_is_written_anew(roots: Roots, folder: DatasetFolder):
    watch = BuildWatch(roots.tiers)
    first = receipts(folder)[0]
    content = first.read_bytes()
    first.write_bytes(content[:-20])
    assert the_build(roots, watch).done == EACH
    first.write_bytes(content)
    assert the_build(roots, watch).done == 2 * EACH
    first.unlink()
    assert the_build(roots, watch).done == EACH


def test_a_damaged_plan_is_passed_over(roots: Roots, folder: DatasetFolder):
    for path in (folder.path / "plans").glob("*/plan.json"):
        path.write_text("{")
    assert BuildWatch(roots.tiers).builds() == ()


def test_what_was_published_is_no_build_any_more(roots: Roots, folder: DatasetFolder):
    watch = BuildWatch(roots.tiers)
    assert the_build(roots, watch).done == 2 * EACH
    assert prepare(job_of(roots))["status"] == "published"
    assert watch.builds() == ()
    assert BuildWatch(roots.tiers).builds() == ()


def test_what_is_built_after_a_version_is_a_build_until_it_is_published(roots: Roots, folder: DatasetFolder):
    prepare(job_of(roots))
    (roots.root / "torn-source" / "new").mkdir()
    source = next((roots.root / "torn-source").rglob("*.png"))
    shutil.copy(source, roots.root / "torn-source" / "new" / "picture.png")
    start_build(roots, replace(job_of(roots), rows_per_shard=4), shards=1)
    build = the_build(roots)
    assert (build.listed, build.done) == (IMAGES + 1, 4)


def test_of_two_plans_the_one_that_moved_last_is_at_work(roots: Roots, folder: DatasetFolder):
    """A run that was interrupted, and begun anew with other options, left a plan that nobody will finish."""
    start_build(roots, replace(job_of(roots), rows_per_shard=4), shards=1)
    with held(folder):
        builds = BuildWatch(roots.tiers).builds()
    assert [(build.done, build.holder is not None) for build in builds] == [(4, True), (2 * EACH, False)]


def test_a_dataset_that_was_removed_is_forgotten(roots: Roots, folder: DatasetFolder):
    watch = BuildWatch(roots.tiers)
    assert len(watch.builds()) == 1
    shutil.rmtree(folder.path)
    assert watch.builds() == ()


def test_builds_at_work_come_first(roots: Roots, folder: DatasetFolder):
    start_build(roots, replace(job_of(roots), dataset="a-second"), shards=1)
    with held(folder):
        assert [build.dataset for build in BuildWatch(roots.tiers).builds()] == ["torn", "a-second"]
    assert [build.dataset for build in BuildWatch(roots.tiers).builds()] == ["a-second", "torn"]


def test_the_first_page_tells_what_is_at_work_and_what_is_unfinished(roots: Roots, folder: DatasetFolder):
    with visitor_of(roots) as visitor:
        text = Markup(visitor.get("/").text).text
    assert "Unfinished" in text
    assert "torn 6 of 13 images" in text
    with held(folder), visitor_of(roots) as visitor:
        text = Markup(visitor.get("/").text).text
    assert "torn preparing" in text
    assert "6 of 13" in text
    assert "Unfinished" not in text
