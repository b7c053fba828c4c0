"""The recipe in docs/training.md is one: it trains, measures, pins and names what it stands on, as the page says."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from storage.lineage import Metric
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures
from tests.oracles.published_dataset import version_bodies
from training.__main__ import main
from training.recipes import recipe_named

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")

ITS_OWN = """
from tasks.ops.image_quality import luma_quality
from training.pixel_ranges import as_levels
from training.superres import Config, load_enlarger as load_network, make_run


def figures_of(network, version, rows):
    small, large = (version.rows(side)[rows] for side in (8, 16))
    with torch.no_grad():
        found = as_levels(network(torch.from_numpy(small).permute(0, 3, 1, 2) / 255))
    return {"psnr_y": sum(luma_quality(*pair, border=2)["psnr_y_border2"] for pair in zip(found, large)) / len(rows)}
"""
"""What the page leaves to a recipe, here with the settings and the network of another one."""

NAME = "documented.recipe"
TINY = ["large=16", "small=8", "width=4", "blocks=1", "norm=none", "skip=bicubic", "batch_size=8"]
PHASES = "phases=[{epochs=0.5, learning_rate=0.001}]"


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe as a module that can be imported."""
    (snippet,) = re.findall(r"<!-- run: recipe -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    folder = tmp_path / "documented"
    folder.mkdir()
    (folder / "recipe.py").write_text(ITS_OWN + snippet, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A root with a version of `photos` at 16 and 8 pixels, with rows in all splits."""
    prepare(BareJob(str(add_pictures(tmp_path / "source", 60)), str(tmp_path / "slow"), "photos"))
    return tmp_path / "slow"


@pytest.mark.usefixtures("documented")
def test_the_recipe_of_the_page_trains_and_does_all_that_the_page_says(slow: Path, tmp_path: Path):
    (names,) = re.findall(r"\| name \| is \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE)
    recipe = recipe_named(NAME)
    missing = [name for name in re.findall(r"^\| `(\w+)", names, re.MULTILINE) if not hasattr(recipe.module, name)]
    # Its models turn pictures into pictures; the page says of which recipes they turn them into vectors.
    assert missing == ["image_encoder"]
    assert recipe.metric == Metric("psnr_y", better="higher")
    run, out = tmp_path / "run", tmp_path / "later.json"
    rows = ["dataset=photos", f"slow={slow}", f"fast={slow}", "loop.cpu_threads=1"]
    assert main([NAME, "--run-dir", str(run), "--device", "cpu", *TINY, PHASES, *rows]) == 0
    held_out = json.loads((run / "result.json").read_text())["held_out"]
    assert held_out["metrics"]["psnr_y"] > 10
    assert tomllib.loads((run / "config.toml").read_text())["version"] == 1
    (origin,) = json.loads((run / "lineage.json").read_text())["origins"]
    identity = version_bodies(slow / "photos")[1]["identity"]
    assert origin == {"role": "rows", "name": "photos", "version": 1, "digest": identity}
    files = ["--weights", str(run / "weights.pt"), "--config", str(run / "config.toml")]
    assert main(["evaluate", NAME, *files, "--rows", files[-1], "--out", str(out), "--device", "cpu"]) == 0
    assert json.loads(out.read_text()) == held_out
