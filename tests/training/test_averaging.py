"""Averages of weights against sums done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.averaging import Averaging, WeightAverage


class Counter(nn.Module):
    """One weight, and a buffer that counts, as batch norm has one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.count: torch.Tensor
        self.register_buffer("count", torch.tensor(0))


def after(averaging: Averaging, values: list[float]) -> float:
    net = Counter()
    average = WeightAverage(net, averaging)
    for value in values:
        net.load_state_dict({"weight": torch.tensor([value]), "count": torch.tensor(int(value))})
        average.add(net)
    return average.weights_of(net)["weight"].item()


def test_swa_is_the_plain_mean_from_its_first_step_on():
    assert after(Averaging("swa"), [1.0, 2.0, 6.0]) == pytest.approx(3)
    assert after(Averaging("swa", first=1), [1.0, 2.0, 6.0]) == pytest.approx(4)
    assert after(Averaging("swa", first=1, every=2), [1.0, 2.0, 6.0, 8.0]) == pytest.approx(5)


def test_ema_forgets_its_first_weights_at_once_and_later_ones_slowly():
    assert after(Averaging("ema", decay=0.9), [1.0]) == 1
    # after one the decay is 2/11
    second = 1 * 2 / 11 + 4 * 9 / 11
    assert after(Averaging("ema", decay=0.9), [1.0, 4.0]) == pytest.approx(second)
    assert after(Averaging("ema", decay=0.1), [1.0, 4.0]) == pytest.approx(1 * 0.1 + 4 * 0.9)


def test_before_there_is_an_average_the_weights_themselves_count():
    assert after(Averaging("swa", first=9), [1.0, 2.0]) == 2


def test_a_network_gets_its_average_for_a_while_and_then_its_own_weights_back():
    net = Counter()
    average = WeightAverage(net, Averaging("swa"))
    for value in (1.0, 3.0):
        net.load_state_dict({"weight": torch.tensor([value]), "count": torch.tensor(int(value))})
        average.add(net)
    with average.put_into(net):
        assert (net.weight.item(), net.count.item()) == (2, 3)
    assert net.weight.item() == 3


def test_an_average_goes_on_where_it_was():
    whole, first, second = (WeightAverage(Counter(), Averaging("ema", decay=0.5, first=1)) for _ in range(3))
    net = Counter()
    for step in range(6):
        nn.init.constant_(net.weight, step**2)
        whole.add(net)
        (first if step < 3 else second).add(net)
        if step == 2:
            second.load_state_dict(first.state_dict())
    assert second.weights_of(net) == whole.weights_of(net)


def test_what_cannot_be_an_average_is_refused():
    with pytest.raises(ValueError, match=r"decay of an average lies in \[0, 1\), got 1.0"):
        Averaging(decay=1.0)
    with pytest.raises(ValueError, match="begins at step 0 or later, every 1 or more, got 0, 0"):
        Averaging(every=0)
