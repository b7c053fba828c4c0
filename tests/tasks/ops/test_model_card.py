"""The card and the page of a run: figures, origins, settings, pictures; whatever stands in them is shown as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from storage.lineage import Origin
from storage.models import HeldOutFigures
from storage.run_directory import RunDirectory
from tasks.ops.finished_runs import finished_run, model_facts
from tasks.ops.model_card import SHOWN_GROUPS, model_card
from tasks.ops.run_page import run_page, sample_images
from tasks.ops.training_process import TrainingFailed
from tests.storage.stored_models import finished_run as left_run


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return left_run(tmp_path / "run", weights=b"weights", value=0.75)


def sample(run: RunDirectory, steps: int, name: str, *, size: tuple[int, int] = (6, 4)) -> Path:
    path = run.sample(steps, name)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(path)
    return path


def test_a_card_has_figures_origins_settings_and_pictures(run: RunDirectory):
    sample(run, 9, "before-after")
    card = model_card("digits", 4, finished_run(run))
    assert card.startswith("# digits, version 4\n\n## On held-out rows\n")
    assert "| `accuracy` | 0.75 | decides |" in card
    assert "| rows | `digits, version 3 (2222222222222222)` |" in card
    assert "| code | `imagemill 0.1.0 (333333333333, changed), recipe 4444444444444444` |" in card
    assert '```toml\nrecipe = "digits"\n```' in card
    assert card.count("(data:image/") == 2
    assert '"digits@4"' in card


def test_groups_are_a_table_that_ends(run: RunDirectory):
    groups = {f"class {number}": {"accuracy": number / 100, "other": None} for number in range(SHOWN_GROUPS + 5)}
    finished = finished_run(run)
    result = replace(finished.result, held_out=HeldOutFigures({"accuracy": 0.5}, groups))
    card = model_card("digits", 1, replace(finished, result=result))
    assert "| part of the rows | `accuracy` | `other` |" in card
    assert "| `class 7` | 0.07 | no number |" in card
    assert f"`class {SHOWN_GROUPS}`" not in card
    assert "And 5 more, in result.json." in card


def test_what_others_wrote_is_shown_as_text(run: RunDirectory):
    finished = finished_run(run)
    origin = Origin("rows", "x`|`<img src=x onerror=alert(1)>\n\n# heading", None, "5" * 64)
    hostile = replace(
        finished, lineage=replace(finished.lineage, origins=(origin,)), config='text = """\n````\n# heading\n"""\n'
    )
    card = model_card("digits", 1, hostile)
    assert r"| rows | ``x`\|`<img src=x onerror=alert(1)>\x0a\x0a# heading (5555555555555555)`` |" in card
    assert '`````toml\ntext = """\n````\n# heading\n"""\n`````' in card


def test_only_the_newest_sample_of_each_name_is_shown_and_a_broken_one_is_left_out(run: RunDirectory):
    for steps in (1, 5):
        sample(run, steps, "faces")
    sample(run, 5, "wide", size=(3000, 10))
    run.sample(5, "broken").write_bytes(b"\x89PNG\r\n\x1a\n")
    shown = sample_images(run)
    assert [each.partition(":")[0] for each in shown] == ["`faces` after step 5", "`wide` after step 5"]
    page = run_page(run, [], title="digits", decides=None)
    assert "No step was reported yet." in page


def test_facts_tell_the_run_and_how_long_it_took(run: RunDirectory):
    facts = dict(model_facts(finished_run(run)))
    assert (facts["run"], facts["trained on"], facts["seed"]) == ("run", "cpu, 1 process", "0")
    assert facts["steps"] == "9 in 0.0 min since it was last started"


def test_a_run_without_weights_is_no_model(run: RunDirectory):
    run.weights.unlink()
    with pytest.raises(TrainingFailed, match="ended without a model, and nothing was registered"):
        finished_run(run)
