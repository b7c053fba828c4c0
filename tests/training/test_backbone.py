"""The recipe `backbone`: what it learns from, what it measures, what a finished model gives."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from storage import Tiers
from tests.training.class_pictures import CLASSES, published_stripes, striped
from training.__main__ import main
from training.averaging import Averaging
from training.backbone import Config, evaluate, image_encoder, make_run, origins, pinned, run_on
from training.backbone_config import phases_of
from training.backbones import make_backbone
from training.batches import RandomBatches, batches_in_order
from training.class_rows import IMAGES, TARGETS, open_class_rows
from training.classifier import Classifier, load_classifier
from training.classifier_evaluation import Evaluation, Judged, by_class, figures_of
from training.distributed import World
from training.phases import Phase
from training.recipes import recipe_named
from training.sources import MemoryRows
from training.steps import Run
from training.weights import UnfitWeights

CPU = torch.device("cpu")
PHASE = Phase(1.0, 3e-3, batch_size=8)
TINY: dict[str, Any] = {"dataset": "stripes", "size": 32, "width": 4, "phases": (PHASE,), "jitter": 0.0}


def config(**changes: Any) -> Config:
    return Config(**{"slow": Path("unused"), **TINY, **changes})


def memory_rows(first: int, count: int) -> MemoryRows:
    targets = np.arange(count) % len(CLASSES)
    pictures = [striped(int(label), seed=first + number) for number, label in enumerate(targets)]
    return MemoryRows({IMAGES: np.stack(pictures), TARGETS: targets})


def tiny_run(**changes: Any) -> Run:
    torch.manual_seed(0)
    return run_on(config(**changes), memory_rows(0, 64), memory_rows(500, 24), classes=CLASSES, world=World(), seed=0)


def train(run: Run, steps: int) -> list[dict[str, float]]:
    run.step.begin_phase(PHASE)
    batches = run.train(PHASE).batches(0, 0)
    found = [run.step.train_batch(next(batches), PHASE.rates(0.0)) for _ in range(steps)]
    return [{name: loss.item() for name, loss in losses.items()} for losses in found]


# ---- Learning


def test_it_learns_to_tell_stripes_apart_that_it_never_saw():
    run = tiny_run()
    losses = train(run, 60)
    assert set(losses[0]) == {"loss", "cross_entropy"}
    found = run.step.validate(run.valid(PHASE))
    assert found.metrics["accuracy"] > 0.9
    assert set(found.metrics) == {"accuracy", "accuracy_in_five", "held_out_cross_entropy"}


def test_frozen_layers_stay_as_they_were_but_for_their_batch_norms():
    run = tiny_run(phases=(replace(PHASE, frozen=2),))
    network: Classifier = run.step.network  # type: ignore[attr-defined]
    before = {name: value.clone() for name, value in network.named_parameters()}
    phase = run.phases[0]
    run.step.begin_phase(phase)
    run.step.train_batch(next(run.train(phase).batches(0, 0)), phase.rates(0.0))
    convolutions = [name for name, value in network.backbone.named_parameters(prefix="backbone") if value.ndim == 4]
    assert len(convolutions) == 13
    assert all(torch.equal(network.get_parameter(name), before[name]) for name in convolutions)
    assert not torch.equal(network.head.weight, before["head.weight"])


def test_crops_of_a_phase_overrule_those_of_the_settings():
    run = tiny_run(crop=24)
    for phase, side in ((PHASE, 24), (replace(PHASE, side=16), 16)):
        reader = run.train(phase)
        assert isinstance(reader, RandomBatches)
        assert next(reader.batches(0, 0))[IMAGES].shape == (8, 3, side, side)


def test_random_weights_have_one_cycle_and_those_of_a_file_a_head_start(tmp_path: Path):
    rise, fall = phases_of(config(phases=None, epochs=10.0))
    assert (rise.epochs, fall.epochs, rise.frozen, fall.frozen) == (3.0, 7.0, 0, 0)
    phases = phases_of(config(phases=None, epochs=10.0, weights=tmp_path / "weights.pt"))
    assert [phase.frozen for phase in phases] == [2, 2, 0, 0]
    assert sum(phase.epochs for phase in phases) == pytest.approx(10)


# ---- Measuring


def test_figures_are_those_of_scores_worked_out_by_hand():
    class Fixed(nn.Module):
        """Gives three pictures of four classes the scores that their first pixels name."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            scores = torch.tensor([[4.0, 1.0, 0.0, 0.0], [2.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 9.0]])
            return scores[(images[:, 0, 0, 0] * 255).long()]

    images = np.zeros((3, 8, 8, 3), np.uint8)
    images[:, 0, 0, 0] = [0, 1, 2]
    batches = batches_in_order(MemoryRows({IMAGES: images, TARGETS: np.array([0, 1, 2])}), 2, world=World())
    judged = Evaluation(CLASSES, World()).judged(Fixed(), batches)  # type: ignore[arg-type]
    # A score as high as the target's counts against it; three zeros are all as high as one of them.
    assert [each.rank for each in judged] == [0, 1, 3]
    figures = figures_of(judged)
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert figures["accuracy_in_five"] == 1
    losses = [np.log(np.exp([4, 1, 0, 0]).sum()) - 4, np.log(np.exp([2, 2, 0, 1]).sum()) - 2, np.log(3 + np.exp(9))]
    assert figures["held_out_cross_entropy"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_network_that_diverged_says_nothing_right():
    class Broken(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), 4), torch.nan)

    batches = batches_in_order(memory_rows(0, 8), 4, world=World())
    judged = Evaluation(CLASSES, World()).judged(Broken(), batches)  # type: ignore[arg-type]
    assert figures_of(judged)["accuracy"] == 0


def test_classes_are_listed_the_worst_first():
    judged = [Judged(0, 0, 0, 0.1), Judged(2, 0, 1, 0.1), Judged(0, 1, 1, 0.1), Judged(3, 3, 0, 0.1)]
    found = by_class(judged, CLASSES)
    assert list(found) == [CLASSES[2], CLASSES[0], CLASSES[3]]
    assert found[CLASSES[0]] == {"accuracy": 0.5, "rows": 2}


def test_the_sample_shows_the_surest_mistakes_and_none_where_there_are_none():
    run = tiny_run()
    wrong = run.step.validate(run.valid(PHASE)).samples["surest-mistakes"]
    assert wrong.ndim == 3
    train(run, 60)
    found = run.step.validate(run.valid(PHASE))
    mistakes = round((1 - float(found.metrics["accuracy"])) * 24)
    assert bool(found.samples) == bool(mistakes)


# ---- A published version


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_stripes(tmp_path_factory.mktemp("stripes"))


@pytest.fixture(scope="module")
def run(slow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run of eight epochs."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    settings = ["dataset=stripes", f"slow={slow}", "size=32", "width=4", "epochs=8", "batch_size=16"]
    assert main(["backbone", "--run-dir", str(folder), "--device", "cpu", "loop.cpu_threads=1", *settings]) == 0
    return folder


def test_a_run_by_the_command_measures_held_out_rows_by_class(run: Path):
    result = json.loads((run / "result.json").read_text())
    held_out = result["held_out"]
    assert held_out["metrics"]["accuracy"] > 0.8
    assert held_out["metrics"]["accuracy"] == pytest.approx(result["metrics"]["accuracy"])
    assert set(held_out["groups"]) <= set(CLASSES)
    lineage = json.loads((run / "lineage.json").read_text())
    assert [(origin["role"], origin["version"]) for origin in lineage["origins"]] == [("rows", 1)]


def test_its_encoder_gives_what_the_head_saw(run: Path, slow: Path):
    encode = recipe_named("backbone").image_encoder(config(slow=slow), run / "weights.pt", device=CPU)
    assert (encode.size, encode.dimensions) == (32, 32)
    picture = torch.from_numpy(np.stack([striped(0, seed=900), striped(3, seed=901)])).permute(0, 3, 1, 2)
    network = load_classifier(make_backbone("small", width=4), CLASSES, run / "weights.pt")
    with torch.no_grad():
        torch.testing.assert_close(network.head(encode(picture)), network(picture / 255), rtol=1e-4, atol=1e-4)


def test_a_run_may_begin_with_the_backbone_of_another(run: Path, slow: Path):
    with ExitStack() as resources:
        settings = config(slow=slow, weights=run / "weights.pt")
        second = make_run(settings, world=World(), seed=5, resources=resources)
        network: Classifier = second.step.network  # type: ignore[attr-defined]
        first = torch.load(run / "weights.pt", weights_only=True)
        assert torch.equal(
            network.backbone.state_dict()["network.stem.0.weight"], first["backbone.network.stem.0.weight"]
        )
        assert not torch.equal(network.head.weight, first["head.weight"])
        found = origins(replace(settings, version=1))
    assert [origin.role for origin in found] == ["rows", "backbone weights"]


def test_what_is_current_is_pinned(slow: Path):
    assert pinned(config(slow=slow)).version == 1
    settings = config(slow=slow, version=1)
    assert pinned(settings) is settings


def test_a_model_of_other_classes_or_another_size_is_not_measured(run: Path, slow: Path, tmp_path: Path):
    with ExitStack() as resources:
        own = config(slow=slow, version=1)
        with pytest.raises(ValueError, match="a model of pictures of 32 pixels cannot be measured on rows of 16"):
            evaluate(own, run / "weights.pt", rows=replace(own, size=16), device=CPU, resources=resources)
        others = open_class_rows(Tiers(slow, slow), "stripes", number=1, resources=resources).classes[::-1]
        with pytest.raises(UnfitWeights, match=r"weights\.pt tells 4 other classes apart"):
            load_classifier(make_backbone("small", width=4), others, run / "weights.pt")


def test_weights_of_another_width_are_refused(run: Path, slow: Path):
    with pytest.raises(UnfitWeights, match="holds the weights of another network"):
        image_encoder(config(slow=slow, width=8), run / "weights.pt", device=CPU)


# ---- Settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"epochs": 0.0}, "epochs and learning_rate are above 0, got 0.0 and 0.003"),
        ({"crop": 40}, "a crop is at most the size of the pictures, 32, got 40"),
        ({"label_smoothing": 1.0}, r"label_smoothing lies in \[0, 1\), got 1.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        config(**changes)


def test_pictures_that_a_network_would_halve_to_nothing_are_refused():
    with pytest.raises(ValueError, match="resnet18 takes pictures of at least 32 pixels, got 16"):
        tiny_run(network="resnet18", crop=16)


def test_averages_of_weights_are_kept_where_asked():
    run = tiny_run(averaging=Averaging(decay=0.5))
    train(run, 2)
    own = run.step.network.state_dict()  # type: ignore[attr-defined]
    assert any(not torch.equal(value, own[name]) for name, value in run.step.weights().items())
