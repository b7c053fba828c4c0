"""The recipe on published rows, words and class splits: it names classes that it never saw, and is measured on them."""

from __future__ import annotations

import json
import tomllib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.word_space_classes import SIDE, UNSEEN, picture, published_word_space, vectors
from training.__main__ import main
from training.batches import RandomBatches
from training.configuration import Configuration, resolved
from training.devise import Config, evaluate, image_encoder, make_run
from training.devise_data import open_word_space
from training.distributed import World
from training.recipes import recipe_named

SETTINGS = (
    "dataset=stripes",
    "network=small",
    "width=8",
    f"size={SIDE}",
    "flips=none",
    "jitter=0",
    "batch_size=24",
    "rows_per_class=12",
    "loop.cpu_threads=1",
    'phases=[{epochs=12, learning_rate={start=5e-3, end=1e-5, annealing="cosine"}}]',
)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_word_space(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def run(slow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run from pictures on split 0."""
    directory = tmp_path_factory.mktemp("run")
    assert main(["devise", *SETTINGS, f"slow={slow}", "--run-dir", str(directory), "--device", "cpu"]) == 0
    return directory


def settings(run: Path, **changes: Any) -> Config:
    found: Configuration = resolved(recipe_named("devise"), file=run / "config.toml")
    return replace(found.recipe, **changes)


def test_it_names_classes_that_it_never_saw_and_its_control_cannot(run: Path):
    held_out = json.loads((run / "result.json").read_text())["held_out"]
    metrics = held_out["metrics"]
    assert metrics["seen_hit1"] > 0.8
    assert metrics["unseen_hit1"] > 0.8
    assert metrics["chance_hit1"] == pytest.approx(1 / 3)
    assert metrics["control_unseen_hit1"] < 0.7
    titles = [table["title"] for table in held_out["tables"]]
    assert titles[0] == "Classes never seen, among the 3 unseen classes"
    assert any("branch of WordNet" in title for title in titles)


def test_settings_are_pinned_to_the_versions_that_it_began_with(run: Path):
    config = tomllib.loads((run / "config.toml").read_text())
    assert [config[name] for name in ("version", "words_version", "splits_version")] == [1, 1, 1]
    lineage = json.loads((run / "lineage.json").read_text())
    assert [(each["role"], each["name"]) for each in lineage["origins"]] == [
        ("rows", "stripes"),
        ("words", "words"),
        ("class split", "splits-stripes"),
    ]


def test_rows_of_unseen_classes_are_never_learnt_from(slow: Path, run: Path):
    with ExitStack() as resources:
        made = make_run(settings(run), world=World(), seed=0, resources=resources)
        reader = made.train(made.phases[0])
        assert isinstance(reader, RandomBatches)
        learnt = [batch["targets"] for batch in reader.of_epoch(0)]
    # Six seen classes have the targets 0 to 5; an unseen one would be -1.
    assert set(torch.cat(learnt).tolist()) == set(range(6))


def test_a_picture_becomes_a_vector_near_that_of_its_class(run: Path):
    encoder = image_encoder(settings(run), run / "weights.pt", device=torch.device("cpu"))
    assert (encoder.size, encoder.dimensions) == (SIDE, 6)
    pictures = np.stack([picture(label, seed=1000 + number) for label in UNSEEN for number in range(4)])
    found = encoder(torch.from_numpy(pictures).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    centred = vectors() - vectors().mean(axis=0)
    space = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    # Among unseen classes: with seen ones as candidates those are nearer, which is what generalised accuracy is for.
    nearest = (found @ space[[1 + label for label in UNSEEN]].T).argmax(axis=1)
    assert (nearest == np.repeat([0, 1, 2], 4)).mean() > 0.8


def test_a_model_is_not_measured_on_classes_that_it_learnt_from(run: Path):
    model = settings(run)
    with ExitStack() as resources, pytest.raises(ValueError, match="learnt from 2 of the 3 classes that are unseen in"):
        evaluate(
            model,
            run / "weights.pt",
            rows=replace(model, split=1),
            device=torch.device("cpu"),
            resources=resources,
        )


def test_classes_are_drawn_towards_what_they_are_kinds_of_as_the_model_has_learnt_it(run: Path):
    plain, drawn = settings(run), settings(run, hypernym_weight=0.5)
    with ExitStack() as resources:
        before, after = (open_word_space(config, resources).vectors for config in (plain, drawn))
        of_model = open_word_space(plain, resources, words_of=drawn).vectors
    np.testing.assert_array_equal(of_model, after)
    # Noun 0 is above all nine classes, and nothing is above the last.
    np.testing.assert_array_equal(after[[0, -1]], before[[0, -1]])
    expected = before[1:10] + 0.5 * before[0]
    np.testing.assert_allclose(after[1:10], expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    with pytest.raises(ValueError, match="hypernym_weight cannot be below 0, got -1"):
        replace(plain, hypernym_weight=-1)


def test_what_is_not_there_is_told_with_the_command_that_makes_it(slow: Path, tmp_path: Path, capsys):
    arguments = ["devise", *SETTINGS, f"slow={slow}", "--run-dir", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*arguments, "splits=nothing"]) == 2
    assert "imagemill splits" in capsys.readouterr().err
    assert main([*arguments, "split=5"]) == 2
    assert "has no split 5; it has: 0, 1" in capsys.readouterr().err
