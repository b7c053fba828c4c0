"""Where shards are built decides nothing of what is published; and a cluster that will not do is told in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from flows.exit_codes import exit_code_of
from flows.image_job import ImageJob
from flows.prepare_images import prepare_images
from tasks.dask_cluster import ClusterLost, NoCluster
from tasks.ops.lot_orders import UnfitNode
from tests.faults.bare_prepare import REPOSITORY
from tests.faults.tiny_source import add_pictures
from tests.oracles.published_dataset import record_body, state_of
from tests.tasks.dask_nodes import LOT, Nodes, are_gone, processes_below, running_nodes, wait_for

pytestmark = pytest.mark.usefixtures("prefect_api")

IMAGES = 64


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with running_nodes(tmp_path_factory.mktemp("nodes"), workers=1) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_pictures(tmp_path_factory.mktemp("tiny") / "source", IMAGES)


@pytest.fixture(scope="module")
def by_processes(prefect_api: str, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a dataset and its pairs, both made by processes of this machine. Do not change it."""
    root = tmp_path_factory.mktemp("processes")
    assert prepare(source, root).exit_code == 0
    assert pairs(root).exit_code == 0
    return root


def prepare(source: Path, root: Path, *options: object) -> Result:
    return run("prepare", source, "--dataset", "photos", "--size", 96, "--rows-per-shard", 8, *options, root=root)


def pairs(root: Path, *options: object) -> Result:
    return run("pairs", "photos", "--recipe", "lesson", *options, root=root)


def run(*arguments: object, root: Path) -> Result:
    roots = ("--slow", root, "--fast", root, "--workers", 1, "--json")
    return CliRunner().invoke(app, [str(argument) for argument in (*arguments, *roots)])


def record(root: Path, dataset: str) -> dict:
    """Return the record of the first version, but for when it was made and the card, which tells how long it took."""
    kind = "version" if dataset == "photos" else "pair-version"
    body = record_body(root / dataset / "versions" / "00000001.json", kind)
    return {name: value for name, value in body.items() if name not in ("created", "card")}


# ---- The same, wherever it is built


def test_a_dataset_built_on_a_cluster_has_the_record_and_the_objects_of_one_built_by_processes(
    nodes: Nodes, source: Path, by_processes: Path, tmp_path: Path
):
    result = prepare(source, tmp_path, "--runner", "dask", "--dask-scheduler", nodes.address)
    assert result.exit_code == 0, (result.output, result.exception)
    assert record(tmp_path, "photos") == record(by_processes, "photos")
    assert json.loads(result.stdout)["built_images"] == IMAGES
    # Of every shard, the bytes: the record could be right about objects that are not there.
    for name in state_of(record(tmp_path, "photos"))[1]:
        written, expected = (root / "photos" / "objects" / name for root in (tmp_path, by_processes))
        assert written.read_bytes() == expected.read_bytes()


def test_pairs_made_on_a_cluster_have_the_record_of_those_made_by_processes(
    nodes: Nodes, by_processes: Path, tmp_path: Path
):
    root = Path(shutil.copytree(by_processes, tmp_path / "root"))
    shutil.rmtree(root / "photos-lesson")
    result = pairs(root, "--runner", "dask", "--dask-scheduler", nodes.address)
    assert result.exit_code == 0, (result.output, result.exception)
    assert record(root, "photos-lesson") == record(by_processes, "photos-lesson")


def test_what_processes_built_is_nothing_to_do_for_a_cluster_which_need_not_be_there(source: Path, by_processes: Path):
    result = prepare(source, by_processes, "--runner", "dask", "--dask-scheduler", "tcp://127.0.0.1:1")
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "unchanged")


# ---- One sentence and an exit code


def test_a_worker_that_does_not_see_the_root_is_named_with_the_path(
    nodes: Nodes, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # A path from the folder that this process is in, and the worker is not.
    monkeypatch.chdir(tmp_path)
    root = Path("root")
    settings = {"slow": root, "fast": root, "workers": 1, "runner": "dask", "dask_scheduler": nodes.address}
    job = ImageJob(source=source, dataset="photos", **settings)
    with pytest.raises(UnfitNode, match=f"{socket.gethostname()} cannot see the dataset folder root/photos ") as caught:
        prepare_images(job)
    assert exit_code_of(caught.value) == 2
    assert list(tmp_path.glob("root/photos/receipts/*")) == []


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_ends_the_command_with_2(source: Path, tmp_path: Path):
    result = prepare(source, tmp_path, "--runner", "dask", "--dask-scheduler", "tcp://127.0.0.1:1")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"].startswith("no Dask scheduler answers at tcp://127.0.0.1:1 (")


def test_without_the_extra_the_command_tells_how_to_install_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = prepare(source, tmp_path, "--runner", "dask")
    assert result.exit_code == 2
    assert "pip install 'imagemill[dask]'" in json.loads(result.stdout)["error"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--dask-scheduler", "tcp://host:8786"), "is used by the runner dask only, the runner is processes"),
        (("--runner", "slurm"), "runner: Input should be 'processes' or 'dask'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: tuple[str, ...], told: str, source: Path, tmp_path: Path):
    for result in (prepare(source, tmp_path, *options), pairs(tmp_path, *options)):
        assert (result.exit_code, told in json.loads(result.stdout)["error"]) == (2, True)


@pytest.mark.parametrize(("kind", "code"), [(NoCluster, 2), (UnfitNode, 2), (ClusterLost, 75)])
def test_exit_codes_are_those_that_the_readme_lists(kind: type[Exception], code: int):
    assert exit_code_of(kind("what went wrong")) == code


# ---- Interrupted


def started(source: Path, root: Path, *cluster: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flows.command_line", "prepare", source, "--dataset", "demo", "--size", "96"]
    options = ["--slow", root, "--fast", root, "--rows-per-shard", "20", "--runner", "dask", "--json"]
    return subprocess.Popen(
        [*command, *options, *cluster],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_takes_what_it_began_on_the_nodes_along_and_the_next_one_continues(
    number: signal.Signals, nodes: Nodes, demo_root: Path, tmp_path: Path
):
    run = started(demo_root / "train", tmp_path, "--dask-scheduler", nodes.address)
    wait_for(lambda: len(list(tmp_path.glob("demo/receipts/*.json"))) >= 3)
    at_work: list[psutil.Process] = [each for node in nodes.workers for each in processes_below(node, LOT)]
    run.send_signal(number)
    output, errors = run.communicate(timeout=60)
    assert at_work
    assert are_gone(at_work)
    if number == signal.SIGTERM:
        assert run.returncode == 75, errors
        assert "run the same command again to continue" in json.loads(output)["error"]
        assert list(tmp_path.glob("demo/tmp/*")) == []
    done = len(list(tmp_path.glob("demo/receipts/*.json")))
    again = started(demo_root / "train", tmp_path, "--dask-scheduler", nodes.address)
    output, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors
    assert json.loads(output)["built_images"] <= 800 - 20 * done
    assert list(tmp_path.glob("demo/tmp/*")) == []


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_ends_a_run_on_a_cluster_of_its_own_with_75_and_leaves_no_process_behind(
    demo_root: Path, tmp_path: Path
):
    run = started(demo_root / "train", tmp_path)
    wait_for(lambda: len(list(tmp_path.glob("demo/receipts/*.json"))) >= 3)
    below = psutil.Process(run.pid).children(recursive=True)
    assert any(LOT in process.cmdline() for process in below)
    os.killpg(run.pid, signal.SIGINT)
    output, errors = run.communicate(timeout=60)
    assert run.returncode == 75, errors
    assert "run the same command again to continue" in json.loads(output)["error"]
    assert "Traceback" not in errors
    assert are_gone(below)
    assert list(tmp_path.glob("demo/tmp/*")) == []
