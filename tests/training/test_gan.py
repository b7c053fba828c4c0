"""The three recipes of the restoration GAN on published pairs, each from those before it; killed, one goes on."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from tests.training.conftest import curve, outputs, result
from tests.training.gan_models import SIDE, publish_photo_pairs, register_players
from tests.training.warm_process import WarmProcess
from training.__main__ import main
from training.gan_config import Config, CriticConfig, GeneratorConfig
from training.gan_phases import critic_phases, generator_phases, ping_pong_phases
from training.optimisers import Optimiser

SIZES = [f"large={SIDE}", f"small={SIDE}", "test_rows=3"]
STEPS = 24


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with pairs of photographs, and a promoted generator and critic that learnt nothing."""
    root = tmp_path_factory.mktemp("gan") / "root"
    root.mkdir()
    publish_photo_pairs(root)
    register_players(root)
    return root


def ping_pong(root: Path, run: Path, *settings: str, epochs: float = 1.0) -> list[str]:
    """Return a command of about `STEPS` steps for each epoch, in which the critic takes one or two steps a turn."""
    phase = f'{{epochs={epochs}, learning_rate=1e-3, optimiser={{name="adam", beta2=0.99}}, momentum=0.0}}'
    return [
        *("gan", "--run-dir", str(run), "--device", "cpu", f"slow={root}", "dataset=photos-numbers", *SIZES),
        *("loop.cpu_threads=1", "loop.report_steps=1", "loop.checkpoint_steps=2", "loop.validate_steps=1000"),
        *(f"phases=[{phase}]", "batch_size=2", "most_critic_steps=2", "threshold=0.1", *settings),
    ]


@pytest.fixture(scope="module")
def uninterrupted(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert main(ping_pong(root, run)) == 0
    return run


def turns(run: Path) -> list[float]:
    return [line["losses"]["generator_turn"] for line in curve(run) if line["kind"] == "train"]


# ---- One after another


def test_a_generator_is_learnt_from_pairs_and_knows_their_defects(root: Path, tmp_path: Path):
    command = ["gan-generator", "--run-dir", str(tmp_path / "run"), "--device", "cpu", "loop.cpu_threads=1", *SIZES]
    settings = ["dataset=photos-numbers", f"slow={root}", "network.width=4", "batch_size=8"]
    phases = "phases=[{epochs=3, learning_rate=0.003}]"
    assert main([*command, *settings, phases]) == 0
    held_out = result(tmp_path / "run")["held_out"]["metrics"]
    assert held_out["psnr_y_border0"] > held_out["input_psnr_y_border0"]
    assert 'defects = ["number", "jpeg"]' in (tmp_path / "run" / "config.toml").read_text()
    assert len(list((tmp_path / "run" / "samples").glob("*before-after.png"))) > 0


def test_a_critic_is_learnt_from_rows_that_a_generator_restored(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    assert main(["restore-rows", "photos-numbers", "--slow", str(root), "--device", "cpu"]) == 0
    told = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (told["version"], told["is_new"]) == (1, True)
    command = ["gan-critic", "--run-dir", str(tmp_path / "run"), "--device", "cpu", "loop.cpu_threads=1"]
    settings = [f"side={SIDE}", "dataset=photos-numbers-restored", f"slow={root}", "batch_size=8", "test_rows=6"]
    phases = "phases=[{epochs=1, learning_rate=0.002}]"
    assert main([*command, *settings, "network.width=4", "network.blocks=1", phases]) == 0
    held_out = result(tmp_path / "run")["held_out"]["metrics"]
    both = held_out["accuracy_on_real"] + held_out["accuracy_on_generated"]
    assert held_out["accuracy"] == pytest.approx(both / 2)
    lineage = json.loads((tmp_path / "run" / "lineage.json").read_text())
    assert ["pair recipe", "gan-generator@1"] in [[each["role"], each["name"]] for each in lineage["origins"]]


def test_ping_pong_begins_with_both_models_and_says_so(root: Path, uninterrupted: Path):
    lineage = json.loads((uninterrupted / "lineage.json").read_text())
    roles = {each["role"]: (each["name"], each["version"]) for each in lineage["origins"]}
    assert roles["generator"] == ("gan-generator", 1)
    assert roles["critic"] == ("gan-critic", 1)
    config = (uninterrupted / "config.toml").read_text()
    assert "generator_version = 1" in config
    assert "width = 4" in config
    held_out = result(uninterrupted)["held_out"]["metrics"]
    first = {"psnr_y_border0", "frechet_patches8", "frozen_critic_accuracy", "fine_detail_y_ratio"}
    assert first | {f"start_{name}" for name in first} | {f"input_{name}" for name in first} <= set(held_out)
    assert held_out["psnr_y_border0"] != held_out["start_psnr_y_border0"]
    assert 0 < sum(turns(uninterrupted)) < len(turns(uninterrupted)) / 2


# ---- Interrupted


@pytest.mark.parametrize("step", [7, *(pytest.param(step, marks=pytest.mark.slow) for step in (8, 9))])
def test_a_ping_pong_that_is_killed_goes_on_with_the_right_networks_turn_to_the_bit(
    root: Path, tmp_path: Path, warm_process: WarmProcess, uninterrupted: Path, step: int
):
    run = tmp_path / "run"
    # A checkpoint for each step, written after its line of the curve: one in either's turn is gone on from.
    command = ping_pong(root, run, "loop.checkpoint_steps=1", "loop.keep_checkpoints=99")
    process = warm_process.start(command, errors=tmp_path / "errors.txt")
    give_up = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() or len(curve(run)) <= step:
        assert time.monotonic() < give_up, (tmp_path / "errors.txt").read_text()
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    assert warm_process.wait(process) == -signal.SIGKILL
    # As if it had been killed no later.
    for path in sorted((run / "checkpoints").glob("*.pt")):
        if int(path.name[:9]) > step:
            path.unlink()
    state = torch.load(sorted((run / "checkpoints").glob("*.pt"))[-1], weights_only=True)
    assert state["steps"] == step
    expected = "generator" if turns(uninterrupted)[step] else "critic"
    assert state["step"]["switch"]["turn"] == expected
    assert main(command) == 0
    assert outputs(run) == outputs(uninterrupted)


def test_a_finished_gan_is_measured_on_the_rows_of_a_later_run(root: Path, tmp_path: Path, uninterrupted: Path):
    files = [*("--weights", str(uninterrupted / "weights.pt")), *("--config", str(uninterrupted / "config.toml"))]
    out = tmp_path / "found.json"
    command = ["evaluate", "gan", *files, "--rows", str(uninterrupted / "config.toml"), "--out", str(out)]
    assert main([*command, "--device", "cpu"]) == 0
    assert json.loads(out.read_text())["metrics"] == result(uninterrupted)["held_out"]["metrics"]


# ---- What cannot be


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ["generator=gan-critic"],
            "gan-critic was trained by gan-critic; here a model of gan-generator or gan is needed",
        ),
        (["critic=gan-generator"], "gan-generator was trained by gan-generator; here a model of gan-critic is needed"),
        (["critic=nobody"], "has no model 'nobody'"),
        (["generator=gan-generator@7"], "has no version 7"),
        (["most_critic_steps=0"], "most_critic_steps must be at least 1, got 0"),
        (["threshold=0"], "threshold must be above 0, got 0"),
        (["large=48"], "large has to be a multiple of small, or equal, got 48 and 32"),
    ],
)
def test_what_a_run_cannot_begin_with_is_one_sentence(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], settings: list[str], said: str
):
    assert main(ping_pong(root, tmp_path / "run", *settings)) == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (CriticConfig, {"network": {"width": 3}}),
        (GeneratorConfig, {"network": {"net": "unet"}}),
        (Config, {"critic_rate": 0}),
    ],
)
def test_networks_that_cannot_be_are_refused(kind: Any, changes: dict[str, Any]):
    with pytest.raises(ValueError, match=r"must be|needs encoder_weights"):
        TypeAdapter(kind).validate_python({"dataset": "none", "slow": "/", **changes})


# ---- Schedules


def test_the_schedules_are_the_lessons():
    adam = Optimiser("adamw", beta2=0.99)
    everything = [*generator_phases(3), *critic_phases(), *ping_pong_phases()]
    assert {phase.optimiser for phase in everything} == {adam}
    assert {phase.weight_decay for phase in everything} == {1e-3}
    assert [phase.epochs for phase in everything] == pytest.approx([1.6, 0.4, 0.9, 2.1, 1.8, 4.2, 40, 10])
    assert [phase.frozen for phase in generator_phases(3)] == [2, 2, 0, 0]
    assert sum(phase.epochs for phase in generator_phases(1)) == pytest.approx(5)
    assert [(phase.learning_rate, phase.momentum, phase.side) for phase in ping_pong_phases()] == [
        (1e-4, 0.0, 128),
        (5e-5, 0.0, 192),
    ]
