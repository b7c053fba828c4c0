"""The page of reliability: its figures are those that were recorded, and what was not run says so."""

from __future__ import annotations

import pytest

from tests.faults.reliability_page import NOT_RUN, PROMISES, Line, Run, page

RUN = Run("2026-11-21", "0123456789ab", is_clean=True)


def cells(text: str, row: int) -> list[str]:
    """Return the cells of a row of the table of promises."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_without_a_run_every_row_says_that_it_was_not_run():
    text = page([], None, all_passed=True)
    assert "The tests have not been run." in text
    assert {tuple(cells(text, row)[3:]) for row in PROMISES} == {(NOT_RUN, NOT_RUN)}


def test_the_tests_of_make_test_all_are_added_to_those_of_make_test():
    fast = Line(6, "locks on", injected=10, held=10, suite="fast")
    slow = Line(6, "locks on", injected=1990, held=1990, suite="slow")
    assert cells(page([fast], RUN, all_passed=True), 6)[3:] == ["10 of 10", NOT_RUN]
    text = page([fast, slow, Line(7, "stopped", injected=2, held=2, suite="fast")], RUN, all_passed=True)
    assert cells(text, 6)[3:] == ["10 of 10", "2,000 of 2,000"]
    assert cells(text, 7)[3:] == ["2 of 2", "2 of 2"]
    assert cells(text, 8)[3:] == [NOT_RUN, NOT_RUN]
    assert "Run of 2026-11-21, commit `0123456789ab`." in text


def test_a_broken_promise_stands_out():
    lines = [Line(5, "one bit flipped", injected=3, held=held, suite="fast") for held in (3, 2)]
    text = page(lines, RUN, all_passed=False)
    assert "| one bit flipped | **5 of 6** | not run |" in text
    assert "**Some of the tests failed.**" in text


def test_a_row_that_the_table_does_not_have_is_an_error():
    with pytest.raises(ValueError, match=r"has rows 1 to 12, a test recorded \[99\]"):
        page([Line(99, "meteor", injected=1, held=0, suite="fast")], RUN, all_passed=True)
