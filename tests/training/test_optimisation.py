"""One optimiser at work, compared with torch used by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from training.distributed import World
from training.optimisation import Update, layer_groups
from training.optimisers import Optimiser
from training.phases import Phase, Rates
from training.precision import Precision

RATES = Rates(0.1, 0.9, 0.0)


class Net(nn.Module):
    """Two layers, a layer group each."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.first(inputs).tanh())


def network() -> Net:
    torch.manual_seed(3)
    return Net()


def update_of(net: Net, *, clip: float | None = None, precision: Precision = "float32") -> Update:
    return Update(layer_groups(net.first, net.last), world=World(), clip=clip, precision=precision)


def objective(net: nn.Module):
    def losses(part: Tensor) -> Mapping[str, Tensor]:
        square = (net(part) - 1).square().mean()
        return {"loss": square * 2, "square": square}

    return losses


def rows(count: int = 12) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(5))


def by_hand(net: Net, kind: Optimiser) -> torch.optim.Optimizer:
    groups = [
        {"params": net.first.parameters(), "lr": 0.01, "weight_decay": 0.0},
        {"params": net.last.parameters(), "lr": 0.1, "weight_decay": 0.5},
    ]
    return {
        "sgd": lambda: torch.optim.SGD(groups, momentum=0.8),
        "adam": lambda: torch.optim.Adam(groups, betas=(0.8, 0.9)),
        "adamw": lambda: torch.optim.AdamW(groups, betas=(0.8, 0.999), eps=1e-4),
        "rmsprop": lambda: torch.optim.RMSprop(groups, momentum=0.8, alpha=0.7),
    }[kind.name]()


@pytest.mark.parametrize(
    "kind",
    [Optimiser("sgd"), Optimiser("adam", beta2=0.9), Optimiser("adamw", eps=1e-4), Optimiser("rmsprop", alpha=0.7)],
    ids=str,
)
def test_every_optimiser_does_what_torch_does_by_hand(kind: Optimiser):
    ours, theirs = network(), network()
    update, optimiser = update_of(ours), by_hand(theirs, kind)
    update.begin_phase(Phase(1, 0.1, kind))
    for _ in range(5):
        update.minimise(objective(ours), [rows()], Rates((0.01, 0.1), 0.8, (0.0, 0.5)))
        optimiser.zero_grad()
        objective(theirs)(rows())["loss"].backward()
        optimiser.step()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("sizes", [(6, 6), (1, 4, 7)])
def test_parts_of_a_batch_are_as_good_as_the_whole(sizes: tuple[int, ...]):
    found = []
    for parts in ([rows()], rows().split(sizes)):
        update = update_of(net := network(), clip=0.5)
        update.begin_phase(Phase(1, 0.1, Optimiser("sgd")))
        losses = [update.minimise(objective(net), parts, RATES) for _ in range(3)]
        found.append((losses, net.state_dict()))
    torch.testing.assert_close(found[1], found[0])


def test_losses_are_detached_and_named():
    update = update_of(net := network(), clip=0.5)
    update.begin_phase(Phase(1, 0.1))
    losses = update.minimise(objective(net), [rows()], RATES)
    assert list(losses) == ["loss", "square", "gradient_norm"]
    assert not any(loss.requires_grad for loss in losses.values())
    assert losses["loss"].item() == pytest.approx(2 * losses["square"].item())


def test_the_gradient_is_clipped_to_the_norm_over_all_groups():
    update = update_of(net := network(), clip=1e-3)
    update.begin_phase(Phase(1, 0.1, Optimiser("sgd")))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    losses = update.minimise(objective(net), [rows()], Rates(1.0, 0.0, 0.0))
    assert losses["gradient_norm"].item() > 1e-3
    moved = torch.cat([(new - old).flatten() for new, old in zip(net.parameters(), before, strict=True)])
    assert moved.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_frozen_groups_stand_still_and_learn_again_when_they_thaw():
    update = update_of(net := network())
    update.begin_phase(Phase(1, 0.1))
    update.minimise(objective(net), [rows()], RATES)
    first, last = net.first.weight.detach().clone(), net.last.weight.detach().clone()
    update.begin_phase(Phase(1, 0.1, frozen=1))
    update.minimise(objective(net), [rows()], Rates(0.1, 0.9, 0.1))
    assert torch.equal(net.first.weight, first)
    assert not torch.equal(net.last.weight, last)
    update.begin_phase(Phase(1, 0.1))
    update.minimise(objective(net), [rows()], RATES)
    assert not torch.equal(net.first.weight, first)


def test_the_memory_of_an_optimiser_survives_a_phase_of_the_same_and_not_one_of_another():
    update = update_of(net := network())
    update.begin_phase(Phase(1, 0.1))
    update.minimise(objective(net), [rows()], RATES)
    update.begin_phase(Phase(1, 0.2, momentum=0.5))
    assert update.state_dict()["optimiser"]["state"]
    update.begin_phase(Phase(1, 0.2, Optimiser("sgd")))
    assert not update.state_dict()["optimiser"]["state"]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_computes_in_it_and_learns(precision: Precision):
    net = network()
    update = update_of(net, precision=precision, clip=10.0)
    update.begin_phase(Phase(1, 0.1))
    seen = []

    def losses(part: Tensor) -> Mapping[str, Tensor]:
        scores = net(part)
        seen.append(scores.dtype)
        return {"loss": (scores.float() - 1).square().mean()}

    found = [update.minimise(losses, [rows()], Rates(0.05, 0.9, 0.0))["loss"].item() for _ in range(40)]
    assert set(seen) == {torch.bfloat16 if precision == "bf16" else torch.float16}
    assert found[-1] < found[0] / 3
    assert net.first.weight.dtype == torch.float32


def test_fp16_steps_over_gradients_that_overflow_and_lowers_its_scale():
    net = network()
    update = update_of(net, precision="fp16")
    update.begin_phase(Phase(1, 0.1))
    before = net.first.weight.detach().clone()
    scale = update.state_dict()["scaler"]["scale"]
    update.minimise(lambda part: {"loss": net(part).float().sum() * 1e36}, [rows()], RATES)
    assert torch.equal(net.first.weight, before)
    assert update.state_dict()["scaler"]["scale"] == scale / 2


def test_what_does_not_fit_the_layer_groups_is_refused():
    update = update_of(net := network())
    with pytest.raises(RuntimeError, match="call begin_phase first"):
        update.minimise(objective(net), [rows()], RATES)
    with pytest.raises(ValueError, match="2 layer groups are to be frozen, and there are only 2"):
        update.begin_phase(Phase(1, 0.1, frozen=2))
    update.begin_phase(Phase(1, 0.1))
    with pytest.raises(ValueError, match=r"3 numbers are given, .*, and the network has 2 layer groups"):
        update.minimise(objective(net), [rows()], Rates((0.1, 0.2, 0.3), 0.9, 0.0))
