"""How likely a row is what is asked for, among that and its rivals."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.ops.likely_rows import shares


def units(*vectors: tuple[float, ...]) -> np.ndarray:
    found = np.array(vectors, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_the_share_is_a_softmax_of_cosines_among_the_question_and_its_rivals():
    question, rivals, rows = units((1, 0, 0))[0], units((0, 1, 0), (0, 0, 1)), units((3, 1, 0), (1, 1, 1))
    found = shares(rows, question, rivals, scale=2.0)
    first = np.exp(2 * 3 / np.sqrt(10)) / (np.exp(2 * 3 / np.sqrt(10)) + np.exp(2 / np.sqrt(10)) + 1)
    assert found.tolist() == pytest.approx([first, 1 / 3], abs=1e-5)


def test_a_rival_that_is_what_is_asked_for_takes_nothing_of_the_share():
    question, rows = units((1, 0))[0], units((1, 0), (1, 2))
    alone = shares(rows, question, units((0, 1)))
    np.testing.assert_allclose(shares(rows, question, units((1, 0), (0, 1))), alone)
    np.testing.assert_allclose(shares(rows, question, np.zeros((0, 2), np.float32)), 1)


def test_a_row_between_everything_comes_behind_one_that_is_farther_but_has_no_rival():
    # The hub is nearer to the question, and nearer still to the rival.
    question, rival = units((1, 0, 0))[0], units((0, 1, 0))
    hub, own = units((0.6, 0.75, 0)), units((0.55, -0.1, 0.8))
    rows = np.concatenate([hub, own])
    assert (rows @ question).argmax() == 0
    assert shares(rows, question, rival).argmax() == 1


def test_no_overflow_at_a_large_scale():
    question, rival = units((1, 0))[0], units((0, 1))
    found = shares(units((1, 0), (0, 1)), question, rival, scale=1e4)
    assert found.tolist() == pytest.approx([1, 0])
