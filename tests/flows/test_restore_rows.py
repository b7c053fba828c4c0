"""`imagemill restore-rows` as a person at the terminal meets it; the training process does the work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from tests.training.gan_models import publish_photo_pairs, register_players

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("restore") / "root"
    root.mkdir()
    publish_photo_pairs(root)
    register_players(root)
    return root


def ended(root: Path, *arguments: str) -> Result:
    fast = root.with_name("fast")
    fast.mkdir(exist_ok=True)
    roots = ("--slow", str(root), "--fast", str(fast), "--device", "cpu")
    return CliRunner().invoke(app, ["restore-rows", *arguments, *roots])


# That of training, tests/training/test_restore_rows.py, starts no process.
@pytest.mark.slow
def test_rows_are_restored_published_and_staged_once(root: Path):
    first = ended(root, "photos-numbers", "--json")
    assert first.exit_code == 0, (first.output, first.exception)
    told = json.loads(first.stdout)
    assert {"status": "published", "dataset": "photos-numbers-restored", "version": 1}.items() <= told.items()
    assert told["restored_by"] == "gan-generator@1"
    assert any((root.with_name("fast") / "photos-numbers-restored" / "objects").iterdir())
    card = next((root / "photos-numbers-restored" / "objects").glob("card*")).read_text()
    assert "restored by the model `gan-generator@1`" in card
    again = ended(root, "photos-numbers")
    assert "photos-numbers-restored: nothing to do, version 1, 82 rows restored by gan-generator@1" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("photos-numbers", "--model", "nobody"), 2, "has no model 'nobody'"),
        (("nothing",), 2, "nothing holds no published version"),
        # Only the training process knows of recipes: starting one takes seconds.
        pytest.param(
            ("photos-numbers", "--model", "gan-critic", "--name", "odd"),
            2,
            "here a model of gan-generator or gan is",
            marks=pytest.mark.slow,
        ),
        (("photos-numbers", "--name", "a/b"), 2, "a dataset's name has letters, digits"),
    ],
)
def test_what_is_wrong_is_one_sentence(root: Path, arguments: tuple[str, ...], code: int, said: str):
    result = ended(root, *arguments)
    assert result.exit_code == code
    assert said in result.stderr
