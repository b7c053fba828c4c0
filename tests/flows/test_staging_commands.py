"""`imagemill stage`, `unstage` and `status` as a person at the terminal meets them."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from storage import Tiers, open_version
from storage.versions import current_version
from tasks.staging import stage_version
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures


@pytest.fixture
def tiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiers:
    """A published dataset below one root, and another, empty root."""
    monkeypatch.chdir(tmp_path)
    add_pictures(tmp_path / "source", 16)
    prepare(BareJob(str(tmp_path / "source"), str(tmp_path / "slow")))
    return Tiers(tmp_path / "slow", tmp_path / "fast")


def ended(tiers: Tiers, *arguments: object) -> Result:
    roots = ("--slow", tiers.slow, "--fast", tiers.fast)
    return CliRunner().invoke(app, [str(argument) for argument in (*arguments, *roots)])


def facts(tiers: Tiers, *arguments: object) -> dict:
    return json.loads(ended(tiers, *arguments, "--json").stdout)


def copied_sizes(tiers: Tiers) -> set[str]:
    return {re.split("[-.]", name)[0] for name in os.listdir(tiers.fast / "demo" / "objects")}


@pytest.mark.parametrize("command", ["stage", "unstage"])
def test_both_commands_have_help_with_an_example(command: str):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: imagemill {command}" in " ".join(result.stdout.split())


def test_a_person_is_told_what_was_copied_and_what_was_there(tiers: Tiers):
    first, second = ended(tiers, "stage", "demo"), ended(tiers, "stage", "demo")
    assert first.exit_code == second.exit_code == 0
    assert re.search(r"demo: version 1 is on the fast root, \d+\.\d MB copied, 0\.0 MB were there", first.stdout)
    assert re.search(r"demo: version 1 is on the fast root, 0\.0 MB copied, \d+\.\d MB were there", second.stdout)
    assert re.search(r"fast root \S+: \d+\.\d MB used, budget none, [\d,.]+ MB free on the disk, 0\.0 MB", first.stdout)


def test_machines_are_told_the_bytes(tiers: Tiers):
    staged = facts(tiers, "stage", "demo", "--fast-budget", "1GB")
    version = current_version(tiers.authority("demo"))
    assert version is not None
    assert (staged["dataset"], staged["version"]) == ("demo", 1)
    assert staged["staged"] == {"copied": sum(one.bytes for one in version.objects), "present": 0, "evicted": 0}
    assert (staged["fast"]["used"], staged["fast"]["budget"]) == (staged["staged"]["copied"], 10**9)
    unstaged = facts(tiers, "unstage", "demo")
    assert unstaged["unstaged"] == {"removed": staged["staged"]["copied"], "held": 0, "held_names": []}
    assert unstaged["fast"]["used"] == 0


def test_one_size_can_be_staged_alone(tiers: Tiers):
    assert ended(tiers, "stage", "demo", "--size", 8).exit_code == 0
    assert {"8"} <= copied_sizes(tiers)
    assert "16" not in copied_sizes(tiers)
    with open_version(tiers, "demo") as opened:
        assert len(opened.rows(8)[:]) == 16
    ended(tiers, "stage", "demo", "--size", 8, "--size", 16)
    assert {"8", "16"} <= copied_sizes(tiers)


def test_a_damaged_copy_is_renewed_by_a_check(tiers: Tiers):
    ended(tiers, "stage", "demo")
    path = sorted((tiers.fast / "demo" / "objects").glob("16-*"))[0]
    content = path.read_bytes()
    path.write_bytes(b"x" * len(content))
    assert facts(tiers, "stage", "demo")["staged"]["copied"] == 0
    assert facts(tiers, "stage", "demo", "--check")["staged"]["copied"] == len(content)
    assert path.read_bytes() == content


def test_what_a_reader_holds_stays_and_a_person_is_told(tiers: Tiers):
    ended(tiers, "stage", "demo")
    with open_version(tiers, "demo") as opened:
        opened.rows(8)[0]
        told = ended(tiers, "unstage", "demo").stdout
        assert re.search(r"2 copies \(0\.\d MB\) stayed, readers hold them", told)
        assert facts(tiers, "status")["fast_usage"]["pinned"] > 0
    assert copied_sizes(tiers) == {"8"}
    assert "stayed" not in ended(tiers, "unstage", "demo").stdout
    assert copied_sizes(tiers) == set()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("stage", "nothing"), "holds no published version; run: imagemill prepare"),
        (("stage", "demo", "--version", 7), "has no version 7; it has: 1"),
        (("stage", "demo", "--size", 99), "version 1 has no size 99; it has: 16, 8"),
        (("stage", "demo", "--fast-budget", "little"), "--fast-budget should be a size such as 500MB"),
        (("stage", "demo", "--fast-budget", "1KB"), "left of its budget of 0.00 GB"),
        (("unstage", "nothing"), "there is no dataset 'nothing' below"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tiers: Tiers, arguments: tuple[object, ...], told: str):
    result = ended(tiers, *arguments)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().splitlines()
    assert told in line


def test_one_root_has_nothing_to_stage(tiers: Tiers):
    both = Tiers(tiers.slow, tiers.slow)
    staged = ended(both, "stage", "demo")
    assert (staged.exit_code, staged.stdout.count("nothing to do")) == (0, 1)
    unstaged = ended(both, "unstage", "demo")
    assert unstaged.exit_code == 2
    assert "is both the slow and the fast root" in unstaged.stderr


def test_the_status_tells_what_copies_take(tiers: Tiers):
    assert "0.0 MB used, budget none" in ended(tiers, "status").stdout
    ended(tiers, "stage", "demo")
    told = ended(tiers, "status", "--fast-budget", "2GB").stdout
    assert re.search(r"fast root \S+: 0\.\d MB used, budget 2,000\.0 MB, [\d,.]+ MB free on the disk", told)
    usage = facts(tiers, "status")["fast_usage"]
    assert usage["used"] == facts(tiers, "status")["datasets"][0]["staged_bytes"] > 0
    assert [one["name"] for one in usage["datasets"]] == ["demo"]
    assert "fast root" not in ended(Tiers(tiers.slow, tiers.slow), "status").stdout


def test_a_person_is_warned_of_copies_that_are_missing(tiers: Tiers, tmp_path: Path):
    shown = ended(tiers, "show", "demo", "-o", tmp_path / "sheet.png")
    assert shown.exit_code == 0
    (line,) = shown.stderr.strip().splitlines()
    assert re.match(r"warning: \S+ is missing, and perhaps others: the slow root is read instead", line)
    ended(tiers, "stage", "demo")
    assert ended(tiers, "show", "demo", "-o", tmp_path / "sheet.png").stderr == ""


@pytest.mark.parametrize("trouble", ["budget", "published there", "no folder"])
def test_a_version_that_cannot_be_staged_stands_all_the_same_and_says_what_to_do(
    tiers: Tiers, caplog: pytest.LogCaptureFixture, trouble: str
):
    version = current_version(tiers.authority("demo"))
    assert version is not None
    if trouble == "published there":
        (tiers.fast / "demo" / "versions").mkdir(parents=True)
    if trouble == "no folder":
        tiers.fast.write_text("in the way")
    tight = Tiers(tiers.slow, tiers.fast, 1000 if trouble == "budget" else None)
    with caplog.at_level(logging.WARNING):
        assert stage_version.fn(tight, "demo", version) == 0
    assert f"demo: version 1 is published, but was not copied to {tiers.fast}" in caplog.text
    assert "imagemill stage demo" in caplog.text
