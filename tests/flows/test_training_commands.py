"""`imagemill train` and `imagemill models`: interrupted and continued, listed, promoted, names shown as text."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from flows.command_line import app
from storage.models import HeldOutFigures, existing_model, versions_of
from storage.promotions import promoted_version, record_promotion
from tasks.ops.promotion import decide
from tests.flows.training_runs import REPOSITORY, SETTINGS, SLOWLY, runs_below, trainer_of, wait_for_step
from tests.prefect_home import prefect_home
from tests.storage.stored_models import new_model, promotion, registered
from tests.training.conftest import RECIPE, curve

HOSTILE = "\x1b[2J\n| <b>`` [x](javascript:alert(1)) \u202e"


def models(*arguments: str, root: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["models", *arguments, "--slow", str(root)])
    return done.exit_code, done.output


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two models; of "digits" the second version was not better."""
    folder = new_model(tmp_path)
    for weights, value in ((b"one", 0.75), (b"two", 0.5)):
        decide(folder, registered(folder, weights, value=value), lambda incumbent: HeldOutFigures({"accuracy": 0.75}))
    registered(new_model(tmp_path, "faces"), b"three")
    return tmp_path


def test_models_lists_versions_with_figures_and_which_is_used(root: Path):
    code, told = models(root=root)
    lines = told.splitlines()
    assert code == 0
    assert lines[0] == "digits: version 1 is used, 2 registered"
    assert [line.split()[-2:] for line in lines[1:5:2]] == [["accuracy", "0.5"], ["accuracy", "0.75"]]
    assert "not promoted: it is not better: accuracy 0.5 against 0.75 of version 1" in lines[2]
    assert lines[3].startswith("  →    1  ")
    assert lines[5] == "faces: none is promoted, 1 registered"
    assert lines[7].strip() == "not decided yet: run the same train command again"
    assert models("list", "faces", root=root)[1] == models("faces", root=root)[1] == "\n".join(lines[5:]) + "\n"


def test_models_for_machines_has_all_of_it(root: Path):
    code, told = models("digits", "--json", root=root)
    (model,) = json.loads(told)["models"]
    assert (code, model["name"], model["promoted"]) == (0, "digits", 1)
    assert [version["metrics"] for version in model["versions"]] == [{"accuracy": 0.5}, {"accuracy": 0.75}]
    assert [version["decision"]["is_granted"] for version in model["versions"]] == [False, True]


def test_a_version_is_promoted_by_hand_with_a_reason(root: Path):
    assert models("promote", "digits", "2", root=root)[0] == 2
    code, told = models("promote", "digits", "2", "--reason", "sharper", root=root)
    assert (code, told.splitlines()[0]) == (0, "digits: Version 2 is promoted by hand: sharper.")
    version = promoted_version(existing_model(root, "digits"))
    assert version is not None
    assert version.number == 2
    code, told = models("promote", "digits", "1", "--reason", "it was not", "--json", root=root)
    assert (json.loads(told)["decision"]["version"], json.loads(told)["decision"]["by"]) == (1, "hand")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nobody",), 2, "has no model 'nobody'; it has: digits, faces"),
        (("promote", "digits", "7", "--reason", "x"), 2, "has no version 7; it has: 1, 2"),
        (("promote", "digits", "1", "--reason", ""), 2, "say why this version is to be used"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(arguments: tuple[str, ...], code: int, message: str, root: Path):
    found, told = models(*arguments, "--json", root=root)
    assert (found, json.loads(told)["exit_code"]) == (code, code)
    assert message in json.loads(told)["error"]


def test_without_models_it_says_how_to_make_one(tmp_path: Path):
    assert models(root=tmp_path) == (0, f"no model below {tmp_path}; to make one: imagemill train\n")


def test_hostile_texts_are_shown_and_not_obeyed(root: Path):
    folder = existing_model(root, "digits")
    record_promotion(folder, replace(promotion(folder, versions_of(folder)[0]), reason=HOSTILE))
    _, told = models("digits", root=root)
    assert "\\x1b[2J\\n|" in told
    assert not {"\x1b", "\u202e"} & set(told)


def started(root: Path, *settings: str) -> subprocess.Popen[str]:
    """Start the command as a terminal does, in a group of its own, with a temporary Prefect server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    environment = kept | {
        "PREFECT_HOME": str(prefect_home(root / "prefect")),
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
    }
    options = ["--name", "digits", "--slow", str(root), "--device", "cpu", "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "flows.command_line", "train", RECIPE, *SETTINGS, *settings, *options],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_ctrl_c_ends_with_75_after_a_checkpoint_and_the_same_command_goes_on(tmp_path: Path):
    process = started(tmp_path, SLOWLY)
    run = wait_for_step(tmp_path, 6)
    below = psutil.Process(process.pid).children(recursive=True)
    assert trainer_of(run) in {child.pid for child in below}
    os.killpg(os.getpgid(process.pid), signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 75, errors
    assert "run the same command again to continue" in json.loads(output)["error"]
    assert "Traceback" not in errors
    assert psutil.wait_procs(below, timeout=15)[1] == []
    done = max(line["step"] for line in curve(run))
    assert 6 <= done < 29
    again = started(tmp_path, SLOWLY)
    output, errors = again.communicate(timeout=240)
    assert again.returncode == 0, errors
    assert (json.loads(output)["status"], json.loads(output)["promoted"]) == ("trained", True)
    assert f"going on after step {done}" in (run / "log.txt").read_text()
    assert [line["step"] for line in curve(run) if line["kind"] == "train"] == list(range(1, 30))
    assert runs_below(tmp_path) == [run]


@pytest.mark.slow
def test_a_command_that_is_killed_leaves_a_checkpoint_and_no_process(tmp_path: Path):
    process = started(tmp_path, SLOWLY)
    run = wait_for_step(tmp_path, 6)
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert psutil.wait_procs(below, timeout=30)[1] == []
    give_up = time.monotonic() + 10
    while not (run / "result.json").exists():
        assert time.monotonic() < give_up
        time.sleep(0.05)
    assert json.loads((run / "result.json").read_text())["state"] == "preempted"
