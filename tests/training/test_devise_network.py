"""The network of the recipe `devise`: what learns from what, what freezes, and that a model stands by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.backbones import make_backbone
from training.batches import Batch
from training.class_rows import IMAGES, TARGETS
from training.devise_config import Config
from training.devise_data import FEATURES
from training.devise_losses import loss_named, unit
from training.devise_network import WordSpaceNetwork, begin_as, finished_network, make_network
from training.devise_objective import DeviseObjective
from training.distributed import World
from training.network_step import NetworkStep
from training.optimisation import Update
from training.phases import Phase
from training.weights import UnfitWeights

PHASE = Phase(1.0, 1e-2)
CONFIG = Config("photos", Path("unused"), network="small", width=4, size=16)


def network(config: Config = CONFIG) -> WordSpaceNetwork:
    torch.manual_seed(0)
    return make_network(config, dimensions=6, seen=5)


def step_of(made: WordSpaceNetwork, *, on_features: bool) -> NetworkStep:
    generator = torch.Generator().manual_seed(1)
    vectors, control = (unit(torch.randn((5, 6), generator=generator)) for _ in range(2))
    groups = [made.head_parameters()] if on_features else made.layer_groups()
    loss = loss_named("softmax", margin=0.1, scale=16.0)
    objective = DeviseObjective(made, loss, vectors=vectors, control=control, world=World())
    update = Update(groups, world=World())
    return NetworkStep(made, objective.terms, update, objective.measured, world=World(), frozen_norms="rest")


def pictures(count: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return Batch({IMAGES: images, TARGETS: torch.arange(count) % 5}, torch.arange(count))


def features(count: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(3)
    vectors = torch.randn((count, 32), generator=generator)
    return Batch({FEATURES: vectors, TARGETS: torch.arange(count) % 5}, torch.arange(count))


def state_of(made: WordSpaceNetwork) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in made.state_dict().items()}


def changed(before: dict[str, Tensor], made: WordSpaceNetwork) -> set[str]:
    """Return the parts of the network in which anything has changed."""
    return {name.split(".")[0] for name, value in made.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("head", ["linear", "hidden"])
def test_pictures_come_out_as_unit_vectors(head):
    config = Config("photos", Path("unused"), network="small", width=4, size=16, head=head, hidden=12)
    with torch.no_grad():
        found = network(config).eval()(torch.rand(3, 3, 16, 16))
    assert found.shape == (3, 6)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))


def test_a_frozen_backbone_does_not_move_not_even_its_running_statistics():
    made = network()
    step = step_of(made, on_features=False)
    phase = Phase(1.0, 1e-2, frozen=2)
    step.begin_phase(phase)
    before = state_of(made)
    step.train_batch(pictures(), phase.rates(0.0))
    assert changed(before, made) == {"head", "control", "softmax"}


def test_an_unfrozen_backbone_learns_and_so_do_its_statistics():
    made = network()
    step = step_of(made, on_features=False)
    step.begin_phase(PHASE)
    before = state_of(made)
    step.train_batch(pictures(), PHASE.rates(0.0))
    assert changed(before, made) == {"backbone", "head", "control", "softmax"}
    name = "backbone.network.stem.1.running_mean"
    assert not torch.equal(made.state_dict()[name], before[name])


def test_what_is_only_compared_teaches_the_backbone_nothing():
    states = []
    for scale in (1.0, 1000.0):
        made = network()
        with torch.no_grad():
            for each in (*made.control.parameters(), *made.softmax.parameters()):
                each.mul_(scale)
        step = step_of(made, on_features=False)
        step.begin_phase(PHASE)
        step.train_batch(pictures(), PHASE.rates(0.0))
        states.append(
            {name: value for name, value in made.state_dict().items() if name.startswith(("backbone", "head"))}
        )
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_heads_learn_from_ready_features_until_they_fit_one_batch():
    made = network()
    step, batch = step_of(made, on_features=True), features()
    step.begin_phase(PHASE)
    losses = [step.train_batch(batch, PHASE.rates(0.0)) for _ in range(150)]
    assert set(losses[0]) == {"loss", "devise", "control", "softmax"}
    for name in ("devise", "control", "softmax"):
        assert losses[-1][name] < 0.2 * losses[0][name], name
    found = step.validate([batch]).metrics
    assert (float(found["seen_hit1"]), float(found["softmax_hit1"])) == (1.0, 1.0)


def test_a_validation_is_the_mean_over_rows_however_they_are_batched():
    step, batch = step_of(network(), on_features=True), features(7)
    whole, parts = step.validate([batch]).metrics, step.validate(batch.parts(3)).metrics
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert float(value) == pytest.approx(float(parts[name]), rel=1e-5), name


def test_a_finished_network_needs_its_settings_and_its_weights_only(tmp_path: Path):
    made = network()
    torch.save(made.state_dict(), tmp_path / "weights.pt")
    gone = Config("photos", Path("unused"), network="small", width=4, size=16, weights=tmp_path / "nowhere.pth")
    found = finished_network(gone, tmp_path / "weights.pt")
    assert not found.training
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(found(images), made.eval()(images))


def test_weights_of_another_head_are_refused(tmp_path: Path):
    torch.save(network().state_dict(), tmp_path / "weights.pt")
    other = Config("photos", Path("unused"), network="small", width=4, size=16, head="hidden")
    with pytest.raises(UnfitWeights, match="no head of the kind 'hidden'"):
        finished_network(other, tmp_path / "weights.pt")


def test_a_run_begins_with_a_backbone_or_with_all_of_another_model(tmp_path: Path):
    torch.manual_seed(7)
    backbone = make_backbone("small", width=4)
    torch.save({f"backbone.{name}": value for name, value in backbone.state_dict().items()}, tmp_path / "backbone.pt")
    made = network()
    before = state_of(made)
    begin_as(made, tmp_path / "backbone.pt")
    assert changed(before, made) == {"backbone"}
    whole = network()
    torch.save({name: value + 1 for name, value in whole.state_dict().items()}, tmp_path / "devise.pt")
    begin_as(made, tmp_path / "devise.pt")
    assert torch.equal(made.softmax.bias, whole.softmax.bias + 1)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"start": "backbone", "weights": Path("w.pth")}, "not with both"),
        ({"features": "features-photos-backbone"}, "name the one that made them"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"scale": 0.0}, "scale must be above 0, got 0.0"),
        ({"rows_per_class": 0}, "rows_per_class must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_say_why(changes, problem: str):
    with pytest.raises(ValueError, match=problem):
        Config("photos", Path("unused"), **changes)
