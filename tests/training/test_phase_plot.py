"""The picture of phases is a PNG that shows what changes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from training.phase_plot import COLOURS, plot_phases
from training.phases import Phase
from training.ramps import Ramp
from training.schedules import lr_find, one_cycle, sgdr


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def columns_of(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Return the highest row with that colour for each column that has it, in the panel of the learning rate."""
    drawn = (picture[30:280] == colour).all(axis=2)
    return drawn[:, drawn.any(axis=0)].argmax(axis=0)


def test_a_rising_rate_rises_in_the_picture():
    heights = columns_of(pixels(plot_phases([Phase(1, Ramp(0.0, 1.0))], 100)), COLOURS[0])
    assert len(heights) > 800
    assert (np.diff(heights) <= 0).all()
    assert heights[0] - heights[-1] > 200


def test_each_layer_group_has_a_line_of_its_own():
    picture = pixels(plot_phases([Phase(1, (0.1, 0.2, 0.4))], 100))
    tops = [columns_of(picture, colour).min() for colour in COLOURS[:3]]
    assert tops == sorted(tops, reverse=True)
    assert not len(columns_of(picture, COLOURS[3]))


@pytest.mark.parametrize(
    "phases", [one_cycle(Phase(10, 1e-3)), sgdr(Phase(1, 0.1)), lr_find(Phase(1, 10.0)), [Phase(0.1, 0.0)]]
)
def test_every_schedule_can_be_drawn(phases: list[Phase]):
    picture = pixels(plot_phases(phases, 10_000))
    assert picture.shape == (596, 1000, 3)
    assert len(columns_of(picture, COLOURS[0]))


def test_the_same_phases_give_the_same_bytes():
    assert plot_phases([Phase(1, 0.1)], lambda phase: 10) == plot_phases([Phase(1, 0.1)], 10)
