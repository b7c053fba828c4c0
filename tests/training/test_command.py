"""`python -m training`: what it leaves, what each exit code means, and one clear sentence where it cannot go on."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.training.conftest import RECIPE, curve, result
from training.__main__ import main
from training.toml_text import toml_text


def test_a_run_leaves_what_others_look_for(uninterrupted: Path):
    assert sorted(path.name for path in uninterrupted.iterdir()) == [
        *(
            "checkpoints",
            "config.toml",
            "lineage.json",
            "lock",
            "log.txt",
            "metrics.jsonl",
            "phases.png",
            "result.json",
        ),
        *("samples", "weights.pt"),
    ]
    settings = tomllib.loads((uninterrupted / "config.toml").read_text())
    assert settings["recipe"] == RECIPE
    assert settings["batch_size"] == 16
    assert settings["loop"]["report_steps"] == 3
    assert [phase["optimiser"]["name"] for phase in settings["phases"]] == ["adamw", "adamw"]
    told = result(uninterrupted)
    assert (told["state"], told["steps"], told["processes"]) == ("done", 29, 1)
    assert told["metrics"]["accuracy"] > 0.4
    assert {path.suffix for path in (uninterrupted / "samples").iterdir()} == {".png"}
    with Image.open(uninterrupted / "phases.png") as picture:
        assert picture.size == (1000, 596)
    assert torch.load(uninterrupted / "weights.pt", weights_only=True)["head.2.weight"].shape == (10, 128)
    assert "done after step 29" in (uninterrupted / "log.txt").read_text()


def test_the_curve_has_losses_rates_and_speed(uninterrupted: Path):
    lines = [json.loads(line) for line in (uninterrupted / "metrics.jsonl").read_text().splitlines()]
    train = [line for line in lines if line["kind"] == "train"]
    valid = [line for line in lines if line["kind"] == "valid"]
    assert [line["step"] for line in valid] == [10, 29]
    assert train[0]["losses"].keys() == {"loss", "gradient_norm"}
    assert train[0]["learning_rate"] == pytest.approx(0.001393, rel=1e-2)
    assert train[-1]["learning_rate"] == [0.001, 0.01]
    assert all(line["rows_per_second"] > 0 and 0 <= line["waiting"] <= 1 for line in train)
    assert train[-1]["losses"]["loss"] < train[0]["losses"]["loss"]


def test_a_file_and_then_the_command_line_say_what_holds(tmp_path: Path, run_here):
    (tmp_path / "run.toml").write_text("rows = 40\nbatch_size = 5\n[loop]\nreport_steps = 2\n[average]\ndecay = 0.5\n")
    arguments = ["--config", str(tmp_path / "run.toml"), "batch_size=8", "average.decay=0.25", "loop.seed=3"]
    assert main([RECIPE, *arguments, "--run-dir", str(tmp_path / "run"), "--device", "cpu"]) == 0
    settings = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert (settings["rows"], settings["batch_size"], settings["average"]["decay"]) == (40, 8, 0.25)
    assert (settings["loop"]["report_steps"], settings["loop"]["seed"]) == (2, 3)
    again = ["--config", str(tmp_path / "run" / "config.toml"), "--run-dir", str(tmp_path / "run"), "--device", "cpu"]
    assert main([RECIPE, *again]) == 0


def test_checkpoints_and_validations_come_as_often_as_they_should(tmp_path: Path):
    run, settings = tmp_path / "run", ["rows=80", "loop.validate_steps=4", "loop.keep_checkpoints=99"]
    settings += ["loop.checkpoint_minutes=1e-9", "phases=[{epochs = 2, learning_rate = 0.01}]"]
    assert main([RECIPE, "--run-dir", str(run), "--device", "cpu", *settings]) == 0
    assert [line["step"] for line in curve(run) if line["kind"] == "valid"] == [4, 8, 10]
    assert sorted(int(path.name[:9]) for path in (run / "checkpoints").iterdir()) == list(range(1, 11))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["batchsize=4"],
            "there is no setting 'batchsize'; there are: phases, batch_size, .* did you mean batch_size?",
        ),
        (["batch_size=0"], "^batch_size must be at least 1, got 0$"),
        (["batch_size=many"], "^batch_size: input should be a valid integer, .*, got 'many'$"),
        (["batch_size"], "^expected key=value, got 'batch_size'$"),
        (["rows=3", "rows.x=3"], "^'rows.x=3': rows is no table, it is 3$"),
        (["loop.report_steps=0"], "^loop.report_steps must be at least 1, got 0$"),
        (["loop.report=1"], "^loop.report: "),
        (["phases=[{epochs = 0, learning_rate = 1}]"], "^phases.0: a phase needs more than 0 epochs, got 0"),
        (["phases=[]"], "^failed: a run needs at least one phase$"),
        (
            ["rows=2", "batch_size=1", "flips=round"],
            "there are no flips 'round'; there are: none, horiz",
        ),
        (["--config", "/nowhere.toml"], "No such file or directory: '/nowhere.toml'"),
        (["--device", "tpu"], "there is no device 'tpu'; name auto, cpu, cuda or cuda:N"),
        (["--device", "cuda:77"], "there is no device cuda:77; this machine shows "),
    ],
)
def test_wrong_settings_are_answered_with_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys, settings: list[str], message: str
):
    assert main([RECIPE, "--run-dir", str(tmp_path / "run"), "--device", "cpu", *settings]) == 2
    told = capsys.readouterr().err.strip()
    assert len(told.splitlines()) == 1
    assert re.search(message, told)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("devise-2", "there is no recipe 'devise-2'; there are: "),
        ("tests.training.nowhere", "the recipe 'tests.training.nowhere' cannot be imported: No module named"),
        ("training.loop", "training.loop is no recipe: it has no Config and no make_run"),
    ],
)
def test_an_unknown_recipe_is_answered_with_those_that_there_are(tmp_path: Path, capsys, recipe: str, message: str):
    assert main([recipe, "--run-dir", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_a_file_of_another_recipe_or_of_no_toml_is_refused(tmp_path: Path, capsys):
    for text, message in (("recipe = 'gan'", "is for another recipe than"), ("rows = = 1", "is no TOML")):
        (tmp_path / "run.toml").write_text(text)
        assert main([RECIPE, "--run-dir", str(tmp_path / "run"), "--config", str(tmp_path / "run.toml")]) == 2
        assert message in capsys.readouterr().err


def test_a_lack_of_memory_says_which_batch_size_to_try(tmp_path: Path, run_here, capsys):
    run = tmp_path / "run"
    assert run_here(run, "fails_at=3") == 1
    told = result(run)
    assert (told["state"], told["error"]) == ("failed", "OutOfMemory")
    assert told["reason"].startswith("out of memory with 16 rows in a batch; try batch_size=8, or accumulate")
    assert told["reason"] in capsys.readouterr().err
    log = (run / "log.txt").read_text()
    assert "torch.OutOfMemoryError: CUDA out of memory." in log
    # Nothing was learnt that smaller batches could contradict.
    assert run_here(run, "rows=40", "batch_size=8") == 0
    assert result(run)["state"] == "done"


def test_an_unexpected_error_is_told_in_short_and_logged_in_full(tmp_path: Path, run_here, capsys):
    assert run_here(tmp_path / "run", "dropout=7.0") == 2
    assert "dropout probability has to be between 0 and 1" in capsys.readouterr().err
    assert "Traceback" in (tmp_path / "run" / "log.txt").read_text()
    assert result(tmp_path / "run")["state"] == "failed"


def test_a_loss_that_is_no_number_ends_the_run_with_advice(tmp_path: Path, run_here):
    wild = 'phases=[{epochs = 3, learning_rate = 1e30, optimiser = "sgd"}]'
    assert run_here(tmp_path / "run", wild, "rows=40") == 1
    assert "try a lower learning rate" in result(tmp_path / "run")["reason"]


def test_the_search_for_a_rate_ends_when_the_loss_diverges(tmp_path: Path, run_here):
    search = (
        'phases=[{epochs = 40, learning_rate = {start = 1e-4, end = 1e4, annealing = "exponential"}, '
        'optimiser = "sgd", divergence = 4}]'
    )
    run = tmp_path / "run"
    assert run_here(run, search, "rows=80", "loop.report_steps=1") == 0
    told = result(run)
    assert told["state"] == "done"
    assert "phase 0 ends when its loss diverges: above 4 times its best after step" in told["reason"]
    assert 50 < told["steps"] < 200
    rates = [line["learning_rate"] for line in curve(run) if line["kind"] == "train"]
    assert len(rates) == told["steps"]
    assert rates[10] / rates[0] == pytest.approx(1e8 ** (10 / 200), rel=1e-6)
    assert not (run / "weights.pt").exists()


def test_toml_says_what_was_meant():
    table = {
        "text": 'quotes " and \\ and\nlines, \x7f, é, 字',
        "odd key.": 1,
        "numbers": [1, 2.5, 1e-30, float("inf"), -3],
        "flag": True,
        "empty": [],
        "none": None,
        "inner": {"deep": {"x": 1.0}, "also none": None},
        "rows": [{"a": 1, "b": {"c": [0.1]}}, {"a": 2}],
    }
    found = tomllib.loads(toml_text(table))
    assert found == {
        **{name: value for name, value in table.items() if name not in ("none", "inner")},
        "inner": {"deep": {"x": 1.0}},
    }


def test_torchvision_comes_with_models_and_transforms():
    from training.torchvision_import import torchvision

    net = torchvision.models.resnet18(weights=None).eval()
    assert net(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)
    assert torchvision.transforms.v2.functional.horizontal_flip(torch.tensor([[[1, 2]]])).tolist() == [[[2, 1]]]
