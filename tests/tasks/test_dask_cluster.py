"""A real cluster builds what processes build; its workers are really killed, and the run goes on or says why not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from storage.datasets import create_dataset
from storage.errors import DiskFull
from storage.layout import DatasetFolder
from storage.receipts import Receipt
from storage.verification import verified
from tasks.dask_cluster import ClusterLost, DaskCluster, NoCluster, dask_client
from tasks.ops.lot_orders import Premises, UnfitNode
from tasks.ops.own_code import code_digest
from tasks.ops.pixel_libraries import pixel_libraries
from tasks.ops.shard_building import ShardJob, build_shard
from tests.faults.bare_prepare import BareJob, prepare, settings_of, tiers_of
from tests.faults.tiny_source import add_pictures, picture_name
from tests.oracles.conversions import encoded
from tests.oracles.published_dataset import state_of, version_bodies
from tests.tasks.dask_nodes import (
    BUILDER,
    LOT,
    Nodes,
    are_gone,
    kill_node,
    meet_a_full_disk,
    on_nodes,
    processes_below,
    running_nodes,
    wait_for,
)
from tests.tasks.ops.conftest import picture
from tests.tasks.ops.worker_killing import killing

SHARDS = 48
IMAGES = 8 * SHARDS


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with running_nodes(tmp_path_factory.mktemp("nodes"), workers=2) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_pictures(tmp_path_factory.mktemp("tiny") / "source", IMAGES)


@pytest.fixture(scope="module")
def by_processes(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """Identity and objects of the version that this machine makes by itself."""
    job = BareJob(str(source), str(tmp_path_factory.mktemp("processes")))
    prepare(job)
    return published(job)


def published(job: BareJob) -> tuple[str, dict[str, str]]:
    (body,) = version_bodies(Path(job.root) / job.dataset).values()
    return state_of(body)


def receipts_below(root: Path) -> dict[str, int]:
    """Return when each receipt was written."""
    return {path.name: path.stat().st_mtime_ns for path in root.glob("demo/receipts/*.json")}


# ---- Whole runs


def test_a_cluster_builds_the_version_that_processes_build(nodes: Nodes, source: Path, by_processes, tmp_path: Path):
    nodes.have(2)
    job = BareJob(str(source), str(tmp_path))
    assert prepare(job, build=on_nodes(nodes.address))["built"] == SHARDS
    assert published(job) == by_processes
    assert list(tmp_path.glob("demo/tmp/*")) == []


@pytest.mark.slow
def test_a_cluster_on_this_machine_alone_builds_the_same_and_listens_on_loopback_only(
    source: Path, by_processes, tmp_path: Path
):
    job = BareJob(str(source), str(tmp_path))
    heard: list[str] = []

    def build(jobs: Iterable[ShardJob]) -> Iterator[Receipt]:
        for receipt in on_nodes(None)(jobs):
            listening = (each for each in psutil.Process().net_connections() if each.status == psutil.CONN_LISTEN)
            heard.extend(each.laddr.ip for each in listening)
            yield receipt

    assert prepare(job, build=build)["built"] == SHARDS
    assert published(job) == by_processes
    assert set(heard) == {"127.0.0.1"}


def test_of_two_workers_one_is_killed_and_the_run_ends_as_if_nothing_had_been(
    nodes: Nodes, source: Path, by_processes, tmp_path: Path
):
    nodes.have(2)
    job, lost, kept = BareJob(str(source), str(tmp_path)), [], {}

    def lose_one() -> None:
        wait_for(lambda: len(receipts_below(tmp_path)) > 3)
        victim = wait_for(lambda: next((node for node in nodes.workers if processes_below(node, BUILDER)), None))
        for builder in processes_below(victim, BUILDER):
            # Held still: otherwise it might be done by the time that the worker dies.
            builder.suspend()
        kept.update(receipts_below(tmp_path))
        lost.extend(processes_below(victim, LOT) + processes_below(victim, BUILDER))
        kill_node(victim)

    killer = threading.Thread(target=lose_one)
    killer.start()
    result = prepare(job, build=on_nodes(nodes.address))
    killer.join()
    assert len(lost) >= 2
    assert are_gone(lost)
    assert 3 < len(kept) < SHARDS
    assert result == {"status": "published", "version": 1, "built": SHARDS}
    # What was proved before the worker died was not built again.
    assert kept.items() <= receipts_below(tmp_path).items()
    assert published(job) == by_processes
    assert verified(tiers_of(job), "demo", share=1.0).is_whole


# ---- What a node refuses or raises


@pytest.fixture
def job(source: Path, tmp_path: Path) -> ShardJob:
    """A shard of four pictures, whose run has laid out nothing yet."""
    folder = create_dataset(tmp_path / "root", "photos")
    scratch = folder.tmp / "run"
    scratch.mkdir()
    return job_of(source, [picture_name(number) for number in range(4)], folder=folder, scratch=scratch)


def job_of(source: Path, names: list[str], *, folder: DatasetFolder, scratch: Path) -> ShardJob:
    stats = [(source / name).stat() for name in names]
    return ShardJob(
        folder=folder,
        scratch=scratch,
        source=source,
        parameters=settings_of(BareJob(str(source), str(folder.path.parent))).parameters,
        key="ab" * 16,
        names=tuple(names),
        labels=tuple(range(len(names))),
        sizes=tuple(found.st_size for found in stats),
        mtimes_ns=tuple(found.st_mtime_ns for found in stats),
    )


def premises_of(job: ShardJob, **changes: object) -> Premises:
    found = Premises(job.folder, job.scratch, (job.source,), pixel_libraries(), token="of this run", code=code_digest())
    found.lay()
    return replace(found, **changes)


@contextmanager
def cluster_of(nodes: Nodes, premises: Premises, *, patience: float = 60.0) -> Iterator[DaskCluster]:
    with dask_client(nodes.address, workers=1) as client:
        yield DaskCluster(client, premises, images=8, patience=patience)


def test_an_image_that_kills_its_builder_twice_on_a_node_is_refused_and_the_others_are_stored(
    nodes: Nodes, job: ShardJob, slow_image: bytes, tmp_path: Path
):
    nodes.have(1)
    source = tmp_path / "hostile"
    names = [f"cat/{number}.png" for number in range(4)]
    for number, name in enumerate(names):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(slow_image if number == 2 else encoded(picture(number), "PNG"))
    job = job_of(source, names, folder=job.folder, scratch=job.scratch)
    with killing(job, 2, times=2) as killed, cluster_of(nodes, premises_of(job)) as cluster:
        (receipt,) = cluster.build([job], work=build_shard)
    assert len(killed) == 2
    assert [(refused.position, refused.reason.value) for refused in receipt.refused] == [(2, "crashed")]
    assert receipt.rows == 3


def test_an_error_on_a_node_arrives_as_itself_and_tells_where_it_was(nodes: Nodes, job: ShardJob):
    nodes.have(1)
    with cluster_of(nodes, premises_of(job)) as cluster, pytest.raises(DiskFull, match="the disk is full") as caught:
        list(cluster.build([job], work=meet_a_full_disk))
    assert caught.value.path == job.folder.path
    assert caught.value.facts["remedy"] == "free some space and run the same command again"
    assert f"on the node {socket.gethostname()}" in caught.value.__notes__[0]


def test_a_node_that_does_not_see_the_dataset_is_named(nodes: Nodes, job: ShardJob, tmp_path: Path):
    nodes.have(1)
    premises = premises_of(job, scratch=tmp_path / "elsewhere")
    with (
        cluster_of(nodes, premises) as cluster,
        pytest.raises(UnfitNode, match=f"node {socket.gethostname()} cannot see the dataset folder {job.folder.path} "),
    ):
        cluster.require_fit_nodes()


def test_a_node_with_another_disk_at_the_same_path_is_named(nodes: Nodes, job: ShardJob):
    nodes.have(1)
    premises = premises_of(job, token="of another run")
    with (
        cluster_of(nodes, premises) as cluster,
        pytest.raises(UnfitNode, match=r"has another disk than the run at .*photos"),
    ):
        cluster.require_fit_nodes()


def test_a_node_that_does_not_see_the_images_is_named(nodes: Nodes, job: ShardJob, tmp_path: Path):
    nodes.have(1)
    premises = premises_of(job, reads=(tmp_path / "images",))
    with cluster_of(nodes, premises) as cluster, pytest.raises(UnfitNode, match=r"cannot read the folder .*/images"):
        cluster.require_fit_nodes()


def test_a_node_with_another_decoder_is_named_with_both_versions(nodes: Nodes, job: ShardJob):
    nodes.have(1)
    premises = premises_of(job, libraries=(("simplejpeg", "0.1"),))
    with (
        cluster_of(nodes, premises) as cluster,
        pytest.raises(UnfitNode, match=r"simplejpeg 0\.1 → .*the same"),
    ):
        cluster.require_fit_nodes()


def test_a_node_with_another_state_of_our_code_is_named(nodes: Nodes, job: ShardJob):
    nodes.have(1)
    premises = premises_of(job, code="of last week")
    with cluster_of(nodes, premises) as cluster, pytest.raises(UnfitNode, match="another version of imagemill"):
        cluster.require_fit_nodes()


def test_a_worker_that_came_later_is_looked_at_too(nodes: Nodes, job: ShardJob):
    nodes.have(1)
    premises = premises_of(job, libraries=(("simplejpeg", "0.1"),))
    with cluster_of(nodes, premises) as cluster, pytest.raises(UnfitNode, match="simplejpeg"):
        list(cluster.build([job], work=build_shard))
    assert list((job.folder.path / "receipts").iterdir()) == []


# ---- The cluster that is not there, or not any more


def test_where_nobody_answers_the_address_is_named():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    with (
        pytest.raises(NoCluster, match=f"no Dask scheduler answers at {address} .*dask scheduler"),
        dask_client(address, workers=1, patience=1.0),
    ):
        pass


def test_a_scheduler_without_workers_is_waited_for_and_named(tmp_path: Path):
    with (
        running_nodes(tmp_path, workers=0) as nodes,
        pytest.raises(NoCluster, match=f"{nodes.address} has no worker, and none came in 1 s.*dask worker"),
        dask_client(nodes.address, workers=1, patience=1.0),
    ):
        pass


def a_run_of(nodes: Nodes, source: Path, root: Path, *, patience: float) -> Generator[Receipt, None, None]:
    """Begin to build many shards; a generator, to be closed."""
    folder = create_dataset(root, "photos")
    scratch = folder.tmp / "run"
    scratch.mkdir()
    first = job_of(source, [picture_name(number) for number in range(8)], folder=folder, scratch=scratch)
    jobs = [replace(first, key=f"{number:032x}") for number in range(200)]
    with cluster_of(nodes, premises_of(first), patience=patience) as cluster:
        yield from cluster.build(jobs, work=build_shard)


@pytest.mark.slow
def test_a_run_that_is_interrupted_ends_what_it_began_on_the_nodes(nodes: Nodes, source: Path, tmp_path: Path):
    nodes.have(2)
    with closing(a_run_of(nodes, source, tmp_path, patience=60.0)) as receipts:
        next(receipts)
        at_work = [process for node in nodes.workers for process in processes_below(node, LOT)]
    assert at_work
    assert are_gone(at_work)
    assert [path for path in (tmp_path / "photos" / "tmp" / "run").iterdir() if path.is_dir()] == []


@pytest.mark.slow
def test_when_all_workers_are_lost_the_run_waits_and_then_says_so(source: Path, tmp_path: Path):
    (tmp_path / "nodes").mkdir()
    with (
        running_nodes(tmp_path / "nodes", workers=1) as nodes,
        closing(a_run_of(nodes, source, tmp_path, patience=1.0)) as receipts,
    ):
        next(receipts)
        kill_node(nodes.workers[0])
        with pytest.raises(ClusterLost, match=r"all workers .* are gone, and none came in 1 s.*to continue"):
            list(receipts)


@pytest.mark.slow
def test_when_the_scheduler_is_lost_the_run_says_so(source: Path, tmp_path: Path):
    (tmp_path / "nodes").mkdir()
    with (
        running_nodes(tmp_path / "nodes", workers=1) as nodes,
        closing(a_run_of(nodes, source, tmp_path, patience=1.0)) as receipts,
    ):
        next(receipts)
        nodes.scheduler.kill()
        with pytest.raises(ClusterLost, match=r"scheduler was lost .*to continue"):
            list(receipts)
