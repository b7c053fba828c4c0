"""A finished model is measured on held-out rows: at the end of its run, and later beside a newer one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.training.conftest import RECIPE, result
from tests.training.digits_recipe import Net, digits
from training.__main__ import main
from training.batches import unit_range
from training.recipes import recipe_named


def evaluate(run: Path, out: Path, *, rows: Path, weights: Path | None = None) -> int:
    files = ["--weights", str(weights or run / "weights.pt"), "--config", str(run / "config.toml")]
    return main(["evaluate", RECIPE, *files, "--rows", str(rows), "--out", str(out), "--device", "cpu"])


def test_a_finished_run_tells_what_its_model_reaches_on_rows_that_it_never_saw(uninterrupted: Path):
    told = result(uninterrupted)["held_out"]
    net = Net(0.2).eval()
    net.load_state_dict(torch.load(uninterrupted / "weights.pt", weights_only=True))
    images, labels = digits(220)["images"][160:], digits(220)["labels"][160:]
    with torch.no_grad():
        found = net(unit_range(torch.from_numpy(images).permute(0, 3, 1, 2))).argmax(1).numpy()
    assert told["metrics"] == {"accuracy": pytest.approx((found == labels).mean())}
    assert told["groups"].keys() == set("0123456789")
    assert told["groups"]["3"]["accuracy"] == pytest.approx((found == labels)[labels == 3].mean())


def test_the_same_model_on_the_same_rows_reaches_the_same_later(uninterrupted: Path, tmp_path: Path):
    assert evaluate(uninterrupted, tmp_path / "out.json", rows=uninterrupted / "config.toml") == 0
    assert json.loads((tmp_path / "out.json").read_text()) == result(uninterrupted)["held_out"]


def test_the_rows_are_those_of_the_other_run(uninterrupted: Path, tmp_path: Path):
    rows = tmp_path / "rows.toml"
    rows.write_text("held_out = 1\n")
    assert evaluate(uninterrupted, tmp_path / "out.json", rows=rows) == 0
    assert json.loads((tmp_path / "out.json").read_text())["metrics"]["accuracy"] in (0.0, 1.0)


def test_what_cannot_be_measured_is_told_in_one_sentence(uninterrupted: Path, tmp_path: Path, capsys):
    (tmp_path / "rows.toml").write_text("helled_out = 1\n")
    assert evaluate(uninterrupted, tmp_path / "out.json", rows=tmp_path / "rows.toml") == 2
    assert "did you mean held_out?" in capsys.readouterr().err
    nowhere = tmp_path / "nowhere.pt"
    assert evaluate(uninterrupted, tmp_path / "out.json", rows=uninterrupted / "config.toml", weights=nowhere) == 2
    assert f"No such file or directory: '{nowhere}'" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_a_recipe_has_a_metric_and_measures_it_or_neither(monkeypatch: pytest.MonkeyPatch):
    import tests.training.digits_recipe as module

    monkeypatch.delattr(module, "METRIC")
    with pytest.raises(ValueError, match="digits_recipe is no recipe: it has no METRIC"):
        recipe_named(RECIPE)
    monkeypatch.delattr(module, "evaluate")
    assert recipe_named(RECIPE).metric is None
