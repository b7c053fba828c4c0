"""Lines at a terminal: whatever a name or a record holds is shown, and nothing of it is obeyed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.lines import as_text, printable, say

REPOSITORY = Path(__file__).parents[2]


@given(text=st.text())
def test_what_is_printed_is_printable_and_plain_text_is_as_it_was(text: str):
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines", r"two\nlines"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("\x9b2J", r"\x9b2J"),
        ("\udce9", r"\udce9"),
        ("n01440764 über 鳥", "n01440764 über 鳥"),
    ],
)
def test_controls_are_shown(text: str, shown: str, capsys: pytest.CaptureFixture[str]):
    say(text)
    assert capsys.readouterr().out == f"{shown}\n"


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_ascii_and_comes_back(text: str):
    line = as_text({"name": text, "path": Path("/a")})
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {"name": text, "path": "/a"}


def test_a_reader_that_has_enough_ends_the_command_without_a_word():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "flows.command_line", "pairs", "--recipes"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=REPOSITORY, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")
