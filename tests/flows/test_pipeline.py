"""The flow of flows: its steps fit one another, and a second run finds nothing to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from flows.command_line import app
from flows.pair_job import PairJob
from flows.part_steps import SCALES
from flows.pipeline_job import PipelineJob
from flows.train_job import TrainJob
from tests.flows.small_settings import TINY

REPOSITORY = Path(__file__).parents[2]


def job(**changes: Any) -> PipelineJob:
    images = {"source": "/images", "dataset": "photos", "slow": "/slow", "fast": "/fast", **changes.pop("images", {})}
    return PipelineJob.model_validate({"images": images, "scale": "small", **changes})


def test_every_part_finds_what_the_steps_before_it_publish():
    titles = [step.title for step in job().steps]
    assert titles == [
        "prepare photos",
        "pairs photos-superres-x4",
        "train superres",
        "words of photos",
        "class splits of photos",
        "train backbone",
        "features of photos",
        "train devise",
        "pairs photos-small-lesson",
        "train gan-generator",
        "restored rows of photos-small-lesson",
        "train gan-critic",
        "train gan",
    ]
    settings = {step.job.recipe: step.job.settings for step in job().steps if isinstance(step.job, TrainJob)}
    assert settings["superres"] == ("dataset=photos-superres-x4", "large=288", "small=72")
    assert settings["devise"] == (
        "dataset=photos",
        "splits=splits-photos",
        "size=32",
        "start=backbone@current",
        "features=features-photos-backbone",
    )
    assert settings["gan-critic"] == ("dataset=photos-small-lesson-restored", "side=72")


def test_at_full_scale_devise_begins_with_a_backbone_of_its_own_network():
    trainings = {step.job.recipe: step.job for step in job(scale="full").steps if isinstance(step.job, TrainJob)}
    for recipe in ("backbone", "devise"):
        assert "network=resnet50" in trainings[recipe].settings
        assert "size=224" in trainings[recipe].settings


def test_only_the_parts_that_are_asked_for_are_made_and_each_once():
    titles = [step.title for step in job(parts=["gan", "gan"]).steps]
    assert titles[0] == "prepare photos"
    assert len(titles) == 6
    assert all("superres" not in title and "words" not in title for title in titles)


@pytest.mark.parametrize(("scale", "sizes"), [("small", (288, 72, 32)), ("full", (288, 224, 128))])
def test_sizes_are_those_that_the_parts_need_unless_told(scale: str, sizes: tuple[int, ...]):
    assert job(scale=scale).images.sizes == sizes
    assert job(scale=scale, images={"sizes": [512, *sizes]}).images.sizes == (512, *sizes)
    assert job(scale=scale, parts=["gan"]).images.sizes == (SCALES[scale].gan,)


def test_settings_come_from_the_scale_or_from_a_folder(tmp_path: Path):
    def files(**changes: Any) -> dict[str, Path | None]:
        return {step.job.recipe: step.job.config for step in job(**changes).steps if isinstance(step.job, TrainJob)}

    shipped = files()
    assert len(shipped) == 6
    assert all(path is not None and path.is_file() and path.stem == f"{name}-small" for name, path in shipped.items())
    (tmp_path / "devise.toml").write_text('recipe = "devise"\n')
    own = files(configurations=tmp_path)
    assert own["devise"] == tmp_path / "devise.toml"
    assert own["gan"] is None
    assert set(files(scale="full").values()) == {None}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": {"sizes": [288]}}, "superres, devise, gan at small scale need the sizes 288, 72, 32; 32, 72 would"),
        ({"parts": ["dreams"]}, "Input should be 'superres', 'devise' or 'gan'"),
        ({"parts": []}, "at least 1 item"),
        ({"scale": "huge"}, "Input should be 'full' or 'small'"),
        ({"images": {"dataset": "a/b"}}, "letters, digits"),
    ],
)
def test_a_job_that_cannot_be_is_refused_before_anything_begins(changes: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        job(**changes)


@pytest.mark.parametrize("options", [(), ("--source", "/images", "--demo", "here")])
def test_images_come_from_one_place(options: tuple[str, ...]):
    ended = CliRunner().invoke(app, ["run", "pipeline", *options])
    assert ended.exit_code == 2
    assert "Give --source FOLDER, or --demo FOLDER" in ended.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--runner", "dusk"), "Input should be 'processes' or 'dask'"),
        (("--dask-scheduler", "tcp://here:8786"), "is used by the runner dask only, the runner is processes"),
        (("--workers", "0"), "images.workers: Input should be greater than or equal to 1"),
    ],
)
def test_where_it_runs_is_told_to_the_images_of_the_job(options: tuple[str, ...], said: str, tmp_path: Path):
    roots = ("--source", str(tmp_path), "--slow", str(tmp_path), "--fast", str(tmp_path))
    ended = CliRunner().invoke(app, ["run", "pipeline", *roots, "--on", "here", *options])
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_pairs_are_made_where_the_images_are():
    steps = job(images={"runner": "dask", "dask_scheduler": "tcp://here:8786"}).steps
    pairs = [step.job for step in steps if isinstance(step.job, PairJob)]
    assert {(each.runner, each.dask_scheduler) for each in pairs} == {("dask", "tcp://here:8786")}
    assert len(pairs) == 2


@pytest.mark.slow
def test_all_of_it_runs_and_a_second_run_finds_nothing_to_do(
    demo_root: Path, tmp_path: Path, prefect_api: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(REPOSITORY)
    settings = tmp_path / "settings"
    settings.mkdir()
    for recipe, text in TINY.items():
        (settings / f"{recipe}.toml").write_text(f'recipe = "{recipe}"\n{text}\n\n[loop]\ncpu_threads = 1\n')

    def ended() -> list[dict[str, Any]]:
        places = ("--source", demo_root / "train", "--slow", tmp_path / "slow", "--fast", tmp_path / "fast")
        how = ("--dataset", "demo", "--scale", "small", "--split-by", "class", "--configurations", settings)
        on_what = ("--device", "cpu", "--workers", 2, "--json")
        result = CliRunner().invoke(app, ["run", "pipeline", *map(str, (*places, *how, *on_what))])
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)

    first = ended()
    assert [step["status"] for step in first] == [
        "trained" if step["title"].startswith("train ") else "published" for step in first
    ]
    assert all(Path(step["card"]).is_file() for step in first)
    again = ended()
    assert [(step["title"], step["status"], step["version"]) for step in again] == [
        (step["title"], "unchanged", step["version"]) for step in first
    ]
