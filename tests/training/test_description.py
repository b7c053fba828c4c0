"""What a run is made of: told before it begins, pinned while it goes on, and written down."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from tests.training import digits_recipe
from tests.training.conftest import RECIPE, SETTINGS, result
from training.__main__ import main

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def described(capsys: pytest.CaptureFixture[str]):
    def describe(*arguments: str) -> dict[str, Any]:
        assert main(["describe", RECIPE, *SETTINGS, *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return describe


def test_equal_settings_are_an_equal_request_however_they_are_given(described, tmp_path: Path):
    one = described("batch_size=8", "loop.seed=3")
    (tmp_path / "run.toml").write_text(one["config"])
    other = described("--config", str(tmp_path / "run.toml"))
    assert (one["asked"], one["lineage"]) == (other["asked"], other["lineage"])
    assert described("batch_size=8", "loop.seed=3", "loop.keep_checkpoints=9")["asked"] == one["asked"]
    different = [described("batch_size=9", "loop.seed=3"), described("batch_size=8"), described("--processes", "2")]
    assert len({each["lineage"]["request"] for each in (one, *different)}) == 4


def test_rows_that_changed_are_another_request_for_the_same_question(described, tmp_path: Path):
    (tmp_path / "edition").write_text("1")
    first = described(f"edition_file={tmp_path / 'edition'}")
    (tmp_path / "edition").write_text("2")
    second = described(f"edition_file={tmp_path / 'edition'}")
    assert first["asked"] == second["asked"]
    assert first["lineage"]["request"] != second["lineage"]["request"]
    assert (first["lineage"]["origins"][0]["version"], second["lineage"]["origins"][0]["version"]) == (1, 2)
    assert "edition = 2" in second["config"]


def test_a_run_goes_on_with_the_rows_that_it_began_with(run_here, tmp_path: Path, capsys):
    run, edition = tmp_path / "run", f"edition_file={tmp_path / 'edition'}"
    (tmp_path / "edition").write_text("1")
    assert run_here(run, edition, "rows=40", "fails_at=6") == 1
    (tmp_path / "edition").write_text("2")
    assert run_here(run, edition, "rows=40") == 2
    # What is pinned is no change; what else was given is.
    told = capsys.readouterr().err
    assert "fails_at was 6 and is 'not given'" in told
    assert "edition was" not in told
    assert run_here(run, edition, "rows=40", "fails_at=99") == 2
    assert "edition = 1" in (run / "config.toml").read_text()


def test_the_lineage_tells_origins_code_libraries_and_seed(uninterrupted: Path):
    lineage = json.loads((uninterrupted / "lineage.json").read_text())
    assert lineage["recipe"] == RECIPE
    assert lineage["metric"] == {"name": "accuracy", "better": "higher"}
    assert lineage["origins"][0]["name"] == "digits"
    assert (lineage["seed"], lineage["processes"], lineage["device"]) == (0, 1, "cpu")
    assert {"torch", "numpy"} <= dict(lineage["libraries"]).keys()
    (code,) = lineage["code"]
    source = digits_recipe.__file__
    assert source is not None
    assert code["recipe"] == blake3(Path(source).read_bytes()).hexdigest()
    commit = subprocess.run(["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"], capture_output=True, text=True)
    assert code["commit"] == (commit.stdout.strip() or None)


def test_a_run_that_went_on_names_all_code_that_took_part(run_here, tmp_path: Path):
    run = tmp_path / "run"
    settings = ("rows=40", "loop.checkpoint_steps=1")
    assert run_here(run, *settings, "phases=[{epochs = 1, learning_rate = 1e-3}]") == 0
    lineage = json.loads((run / "lineage.json").read_text())
    of_before = lineage["code"][0] | {"commit": "0" * 40}
    (run / "lineage.json").write_text(json.dumps(lineage | {"code": [of_before], "request": "1" * 64}))
    (run / "result.json").unlink()
    assert run_here(run, *settings, "phases=[{epochs = 1, learning_rate = 1e-3}]") == 0
    again = json.loads((run / "lineage.json").read_text())
    assert again["code"] == [of_before, lineage["code"][0]]
    assert again["request"] == "1" * 64
    assert result(run)["held_out"]["metrics"].keys() == {"accuracy"}


def test_roots_reach_only_recipes_that_know_them(described, tmp_path: Path):
    assert "slow" not in described("--slow", str(tmp_path), "--fast", str(tmp_path))["config"]
