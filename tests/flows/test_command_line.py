"""The command line: one clear sentence and the right exit code for bad input, help with examples, JSON for machines."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from flows.command_line import app
from storage.records import FORMAT
from tests.faults.tiny_source import add_pictures

COMMANDS = ("demo", "prepare", "show", "status", "doctor")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    """Return the one sentence of a command that ended with exit code 2."""
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: imagemill {command}" in " ".join(result.stdout.split())


def test_the_help_tells_the_exit_codes():
    text = " ".join(run("--help").stdout.split())
    assert "75 interrupted or Prefect lost, run again" in text


@pytest.mark.usefixtures("prefect_api")
class TestBadInput:
    """Each case is one sentence that says what is wrong and what to do, and exit code 2."""

    def prepare(self, source: Path, root: Path, *options: object) -> str:
        return refused(run("prepare", source, "--dataset", "demo", "--slow", root, *options))

    def test_a_source_that_does_not_exist(self, tmp_path: Path):
        assert "is not a folder; it should be the one that holds the images" in self.prepare(tmp_path / "no", tmp_path)

    def test_an_empty_source(self, tmp_path: Path):
        (tmp_path / "empty").mkdir()
        assert "has no class folders" in self.prepare(tmp_path / "empty", tmp_path / "root")

    def test_class_folders_without_a_file(self, tmp_path: Path):
        (tmp_path / "source" / "n01440764").mkdir(parents=True)
        assert "has 1 class folders and not one file in them" in self.prepare(tmp_path / "source", tmp_path / "root")

    def test_a_root_that_cannot_be_made(self, demo_root: Path, tmp_path: Path):
        (tmp_path / "file").write_text("")
        error = self.prepare(demo_root / "train", tmp_path / "file" / "root")
        assert re.search(r"the root .* cannot be made: Not a directory; choose another folder", error)

    def test_an_unknown_format(self, demo_root: Path, tmp_path: Path):
        error = self.prepare(demo_root / "train", tmp_path, "--format", "zarr")
        assert "unknown array format 'zarr'; known: bcolz, hdf5" in error

    def test_a_size_of_nothing(self, demo_root: Path, tmp_path: Path):
        assert "greater than or equal to 1" in self.prepare(demo_root / "train", tmp_path, "--size", 0)

    def test_a_dataset_name_that_is_a_path(self, demo_root: Path, tmp_path: Path):
        error = refused(run("prepare", demo_root / "train", "--dataset", "../up", "--slow", tmp_path))
        assert "letters, digits, '.', '_' and '-' only" in error

    def test_no_root_anywhere(self, demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(tmp_path)
        error = refused(run("prepare", demo_root / "train", "--dataset", "demo"))
        assert "Give --slow DIR, or set IMAGEMILL_SLOW, or write slow" in error

    def test_a_plan_of_another_version_of_the_code(self, demo_root: Path, tmp_path: Path):
        result = run("prepare", demo_root / "train", "--dataset", "demo", "--slow", tmp_path, "--limit", 40, "--json")
        assert result.exit_code == 0, result.output
        from blake3 import blake3

        (plan,) = tmp_path.glob("demo/plans/*/plan.json")
        body = plan.read_text().split('"body":', 1)[1].rstrip()[:-1]
        checksum = blake3(f"plan {FORMAT + 1} {body}".encode()).hexdigest()
        plan.write_text(f'{{"blake3":"{checksum}","format":{FORMAT + 1},"kind":"plan","body":{body}}}\n')
        error = self.prepare(demo_root / "train", tmp_path, "--limit", 40)
        assert (
            f"holds a plan of format {FORMAT + 1}; this version of imagemill reads a plan of format {FORMAT}" in error
        )

    def test_too_little_space(self, demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        usage = namedtuple("usage", "total used free")(10**9, 10**9 - 10**6, 10**6)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        error = self.prepare(demo_root / "train", tmp_path, "--size", 224)
        assert re.search(r"has 0\.00 GB free, the arrays of demo need 0\.19 GB\. Free some space", error)
        assert list(tmp_path.glob("demo/objects/*")) == []

    def test_rows_that_are_no_range(self, tmp_path: Path, demo_root: Path):
        made = run("prepare", demo_root / "train", "--dataset", "demo", "--slow", tmp_path, "--limit", 30, "--size", 32)
        assert made.exit_code == 0
        error = refused(run("show", "demo", "--slow", tmp_path, "--rows", "9", "-o", tmp_path / "x.png"))
        assert "--rows should be FIRST:STOP such as 0:64, got '9'" in error

    def test_a_dataset_that_is_not_there(self, tmp_path: Path):
        assert "holds no published version" in refused(
            run("show", "none", "--slow", tmp_path, "-o", tmp_path / "x.png")
        )


@pytest.mark.usefixtures("prefect_api")
def test_prepare_show_and_status_work_on_one_another(demo_root: Path, tmp_path: Path):
    options = ("--slow", tmp_path / "slow", "--fast", tmp_path / "fast")
    made = run(
        "prepare", demo_root / "train", "--dataset", "demo", *options, "--size", "48", "--limit", "100", "--json"
    )
    facts = json.loads(made.stdout)
    assert (facts["status"], facts["stored"] + facts["refused"]) == ("published", 100)
    assert Path(facts["card"]).read_text().startswith("# demo, version 1")
    shown = run("show", "demo", *options, "--rows", "0:16", "-o", tmp_path / "sheet.png", "--json")
    assert json.loads(shown.stdout)["last"] == 15
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > sheet.height
    (status,) = json.loads(run("status", *options, "--json").stdout)["datasets"]
    assert (status["stored"], status["refused"], status["current"]) == (facts["stored"], facts["refused"], 1)
    assert status["staged_bytes"] > status["bytes"] > 0


@pytest.mark.usefixtures("prefect_api")
def test_an_image_replaced_unseen_is_named_when_everything_is_hashed_again(tmp_path: Path):
    source = add_pictures(tmp_path / "source", 16)
    arguments = ("prepare", source, "--dataset", "demo", "--slow", tmp_path / "root", "--size", 16, "--max-refused", 1)
    assert run(*arguments).exit_code == 0
    image = sorted(source.glob("*/*"))[5]
    status, content = image.stat(), bytearray(image.read_bytes())
    content[len(content) // 2] ^= 1
    image.write_bytes(content)
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "nothing to do" in run(*arguments).stdout
    found = run(*arguments, "--rehash")
    assert "demo: published version 2" in found.stdout
    name = image.relative_to(source)
    assert (
        f"other bytes in 1 of 16 images whose size and time are as they were; their shards are built again: {name}"
        in (found.stderr)
    )


@pytest.mark.usefixtures("prefect_api")
def test_a_person_is_told_where_the_arrays_and_the_card_are(demo_root: Path, tmp_path: Path):
    arguments = ("prepare", demo_root / "train", "--dataset", "demo", "--slow", tmp_path, "--size", 32, "--limit", 60)
    first, second = run(*arguments), run(*arguments)
    assert "demo: published version 1" in first.stdout
    assert re.search(r"rows +\d+ stored \+ \d+ refused = 60 listed", first.stdout)
    (array,) = re.findall(r"array +(\S+)", first.stdout)
    assert Path(array).is_file()
    assert "demo: nothing to do, version 1 holds these 60 images" in second.stdout


def test_doctor_reports_each_subject_for_machines():
    result = run("doctor", "--json")
    subjects = {finding["subject"] for finding in json.loads(result.stdout)}
    assert {"SIMD Pillow", "JPEG decoder", "emoji font", "Prefect", "GPU"} <= subjects


@pytest.mark.usefixtures("prefect_api")
def test_demo_draws_and_publishes_both_formats(tmp_path: Path):
    arguments = ("demo", "--root", tmp_path, "--classes", 30, "--images-per-class", 5, "--scale", "small", "--json")
    facts = json.loads(run(*arguments).stdout)
    assert facts["rendered"] == 150
    assert [(one["dataset"], one["listed"]) for one in facts["runs"]] == [("demo", 150), ("demo-bcolz", 150)]
    again = json.loads(run(*arguments).stdout)
    assert (again["rendered"], [one["status"] for one in again["runs"]]) == (0, ["unchanged", "unchanged"])
