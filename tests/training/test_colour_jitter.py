from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from training.augmentation import CropFlip, InTurn
from training.colour_jitter import ColourJitter
from training.draws import Draws


def rows(count: int, side: int = 6) -> Tensor:
    return torch.randint(0, 256, (count, side, side, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def draws(count: int, *, epoch: int = 0, first: int = 0) -> Draws:
    return Draws(seed=3, epoch=epoch, rows=np.arange(first, first + count))


@given(strength=st.floats(0.01, 0.99), epoch=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_each_channel_of_a_row_changes_by_a_line_within_the_bounds(strength: float, epoch: int):
    # Every level once, so that the line can be read off the result.
    ramp = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(4, 16, 16, 3).contiguous()
    (found,) = ColourJitter(strength)({"images": ramp}, draws(4, epoch=epoch)).values()
    levels = found.reshape(4, 256, 3).double().numpy()
    for row in range(4):
        for channel in range(3):
            curve = levels[row, :, channel]
            assert (np.diff(curve) >= 0).all()
            inside = np.flatnonzero((curve > 0) & (curve < 255))
            if len(inside) < 2:
                continue
            gain, start = np.polyfit(inside, curve[inside], 1)
            # What is rounded to whole levels is a line to within half a level.
            assert np.abs(gain * inside + start - curve[inside]).max() < 1
            slack = 1.1 / (inside[-1] - inside[0])
            assert (1 - strength) * (1 - strength / 2) - slack < gain < (1 + strength) * (1 + strength / 2) + slack
            assert abs(gain * 128 + start - 128) < 128 * strength + 2


def test_the_same_rows_change_alike_in_any_order_and_otherwise_in_another_epoch():
    images = rows(6)
    jitter = ColourJitter(0.4)
    whole = jitter({"images": images}, draws(6))["images"]
    assert torch.equal(jitter({"images": images[4:]}, draws(2, first=4))["images"], whole[4:])
    assert not torch.equal(jitter({"images": images}, draws(6, epoch=1))["images"], whole)


def test_all_pictures_of_a_row_change_alike_and_what_is_no_picture_stays():
    images, targets = rows(5), torch.arange(5)
    found = ColourJitter(0.4)({"small": images, "large": images.clone(), "targets": targets}, draws(5))
    assert torch.equal(found["small"], found["large"])
    assert found["targets"] is targets
    assert not torch.equal(found["small"], images)


def test_without_strength_nothing_changes():
    images = rows(3)
    assert ColourJitter(0.0)({"images": images}, draws(3))["images"] is images


def test_augmentations_in_turn_are_one_after_the_other():
    images = rows(4, side=8)
    crop, jitter = CropFlip(4, "dihedral"), ColourJitter(0.3)
    wanted = jitter(crop({"images": images}, draws(4)), draws(4))["images"]
    assert torch.equal(InTurn((crop, jitter))({"images": images}, draws(4))["images"], wanted)


@pytest.mark.parametrize("strength", [-0.1, 1.0])
def test_a_strength_that_would_turn_colours_over_is_refused(strength: float):
    with pytest.raises(ValueError, match=r"strength of colour jitter lies in \[0, 1\), got"):
        ColourJitter(strength)
