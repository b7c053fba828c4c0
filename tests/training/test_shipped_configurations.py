"""The configurations that are shipped: each is one of the recipe that its file is named after."""

from __future__ import annotations

from pathlib import Path

import pytest

import training
from training.__main__ import main
from training.recipes import RECIPES

FILES = sorted((Path(training.__file__).parent / "configurations").iterdir())


def test_every_recipe_has_a_small_configuration():
    assert {file.name for file in FILES} == {f"{name}-small.toml" for name in RECIPES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_configuration_is_one_of_its_recipe(file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    recipe = file.stem.removesuffix("-small")
    command = [recipe, "--run-dir", str(tmp_path / "run"), "--config", str(file), "dataset=none", f"slow={tmp_path}"]
    # All it lacks is where the rows are.
    assert main(command) == 2
    assert "holds no published version" in capfd.readouterr().err
