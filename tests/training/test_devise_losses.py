"""The three losses against what a calculator says, and what they have in common."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.devise_losses import cosine_loss, cosine_softmax_loss, hinge_rank_loss, loss_named, top_1, unit

# Three classes in the plane at 0°, 90° and 180°.
VECTORS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
# One row at 0° of class 0, one at 45° of class 1.
EMBEDDED = torch.tensor([[1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]])
TARGETS = torch.tensor([0, 1])


def test_the_cosine_loss_is_one_less_the_cosine_with_the_own_class():
    assert cosine_loss(EMBEDDED, VECTORS, TARGETS).item() == pytest.approx((0 + 1 - math.sqrt(0.5)) / 2)


def test_the_hinge_counts_each_other_class_that_is_nearer_than_the_margin_allows():
    # Row 0: cosines 1, 0, -1: nothing is within 0.1. Row 1: cosines .707, .707, -.707: class 0 is as near as its own.
    assert hinge_rank_loss(EMBEDDED, VECTORS, TARGETS).item() == pytest.approx(0.1 / 2)
    # With a margin of 1.5 also those that lie far off: row 0: 0.5 + 0 for -1; row 1: 1.5 + (1.5 - 1.414).
    assert hinge_rank_loss(EMBEDDED, VECTORS, TARGETS, margin=1.5).item() == pytest.approx(
        (0.5 + 1.5 + 1.5 - 2 * math.sqrt(0.5)) / 2
    )


def test_the_softmax_is_that_of_scaled_cosines():
    def cross_entropy(cosines: list[float], own: int) -> float:
        return -math.log(math.exp(16 * cosines[own]) / sum(math.exp(16 * each) for each in cosines))

    half = math.sqrt(0.5)
    expected = (cross_entropy([1, 0, -1], 0) + cross_entropy([half, half, -half], 1)) / 2
    assert cosine_softmax_loss(EMBEDDED, VECTORS, TARGETS).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["softmax", "cosine", "hinge"])
@given(seed=st.integers(0, 2**31))
def test_no_loss_depends_on_the_order_of_classes_or_rows(name, seed: int):
    generator = torch.Generator().manual_seed(seed)
    vectors, rows = (unit(torch.randn((count, 4), generator=generator)) for count in (5, 7))
    targets = torch.randint(0, 5, (7,), generator=generator)
    classes, order = (torch.randperm(count, generator=generator) for count in (5, 7))
    loss = loss_named(name, margin=0.1, scale=16.0)
    places = torch.empty(5, dtype=torch.int64).scatter(0, classes, torch.arange(5))
    shuffled = loss(rows[order], vectors[classes], places[targets[order]])
    assert shuffled.item() == pytest.approx(loss(rows, vectors, targets).item(), rel=1e-4, abs=1e-5)


def test_a_row_that_has_no_length_has_no_direction_and_no_nan():
    found = unit(torch.zeros(2, 3))
    assert torch.equal(found, torch.zeros(2, 3))
    assert torch.isfinite(cosine_softmax_loss(found, torch.eye(3), torch.tensor([0, 1])))


def test_the_share_of_rows_whose_own_score_is_highest():
    scores: Tensor = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]])
    assert top_1(scores, torch.tensor([1, 0, 1])).item() == pytest.approx(2 / 3)
