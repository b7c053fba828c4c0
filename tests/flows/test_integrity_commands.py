"""`imagemill verify`, `repair` and `gc` as a person at the terminal meets them."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from flows.integrity_commands import chosen_period, chosen_share
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures


@pytest.fixture
def source(tmp_path: Path) -> Path:
    add_pictures(tmp_path / "source", 16)
    return tmp_path / "source"


@pytest.fixture
def root(source: Path, tmp_path: Path) -> Path:
    prepare(BareJob(str(source), str(tmp_path / "root")))
    return tmp_path / "root"


def ended(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def facts(*arguments: str | Path) -> dict:
    return json.loads(ended(*arguments, "--json").stdout)


def an_object(root: Path, pattern: str = "16-*") -> Path:
    return sorted((root / "demo" / "objects").glob(pattern))[0]


def flip(path: Path) -> None:
    """Flip a bit of the first row's pixels."""
    with h5py.File(path) as file:
        images = file["images"]
        assert isinstance(images, h5py.Dataset)
        place = images.id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 7] ^= 1
    path.write_bytes(content)


def test_a_whole_dataset_verifies_with_0_and_says_what_was_looked_at(root: Path):
    result = ended("verify", "demo", "--slow", root)
    assert result.exit_code == 0
    assert "demo: whole; 18 files of version 1 looked at" in result.stdout


def test_a_damaged_array_ends_with_1_and_names_file_rows_classes_and_remedy(root: Path):
    path = an_object(root)
    flip(path)
    result = ended("verify", "demo", "--slow", root)
    assert result.exit_code == 1
    assert f"{path}: its bytes are not those that were published; rows " in result.stdout
    assert "classes n0" in result.stdout
    assert "imagemill repair demo" in result.stdout


def test_quick_looks_at_sizes_and_leaves_the_bytes(root: Path):
    flip(an_object(root))
    assert ended("verify", "demo", "--slow", root, "--quick").exit_code == 0
    with an_object(root).open("ab") as file:
        file.write(b"x")
    assert ended("verify", "demo", "--slow", root, "--quick").exit_code == 1


def test_json_has_each_damage_with_its_rows(root: Path):
    an_object(root).unlink()
    (damage,) = facts("verify", "demo", "--slow", root)["damages"]
    assert damage["path"] == str(an_object(root).parent / Path(damage["path"]).name)
    assert damage["problem"] == "missing"
    assert damage["rows"][0][1] - damage["rows"][0][0] == 8


def test_repair_restores_to_the_bit_says_from_what_and_ends_with_0(root: Path):
    path = an_object(root)
    before = path.read_bytes()
    flip(path)
    result = ended("repair", "demo", "--slow", root)
    assert result.exit_code == 0
    assert f"repaired  {path}: rebuilt from the images" in result.stdout
    assert path.read_bytes() == before
    assert "whole, nothing to repair" in ended("repair", "demo", "--slow", root).stdout


def test_repair_without_the_images_says_which_is_gone_and_ends_with_1(root: Path, source: Path, tmp_path: Path):
    flip(an_object(root))
    source.rename(tmp_path / "elsewhere")
    result = ended("repair", "demo", "--slow", root)
    assert result.exit_code == 1
    assert f"the source {source} is gone; if the images moved, give --source" in result.stdout
    assert ended("repair", "demo", "--slow", root, "--source", tmp_path / "elsewhere").exit_code == 0


def test_repair_leaves_a_log(root: Path):
    ended("repair", "demo", "--slow", root)
    (log,) = (root / "demo" / "logs").glob("*.log")
    assert "repair of" in log.read_text()


def test_a_range_that_comes_out_the_same_ends_with_0_and_says_how_much_was_built(root: Path):
    before = {path: path.read_bytes() for path in (root / "demo" / "objects").iterdir()}
    result = ended("repair", "demo", "--slow", root, "--shards", "0:2")
    assert result.exit_code == 0
    assert "demo: 2 of the 2 shards of version 1 built again: 2 the same to the bit, 0 restored, 0 not" in result.stdout
    assert {path: path.read_bytes() for path in (root / "demo" / "objects").iterdir()} == before
    (log,) = (root / "demo" / "logs").glob("*.log")
    assert "repair of" in log.read_text()


def test_a_range_with_a_source_that_has_changed_ends_with_1_and_says_what_to_do(root: Path, source: Path):
    class_name = sorted(source.iterdir())[0].name
    image = sorted((source / class_name).iterdir())[0]
    other = next(path for path in source.glob("*/*") if path.read_bytes() != image.read_bytes())
    image.write_bytes(other.read_bytes())
    result = ended("repair", "demo", "--slow", root, "--class", class_name)
    assert result.exit_code == 1
    assert f"the source {image.relative_to(source)} has changed or cannot be read" in result.stdout
    assert "imagemill prepare (with --rehash, if its size and time are as they were)" in result.stdout
    found = facts("repair", "demo", "--slow", root, "--class", class_name)
    assert len(found["different"]) == 1
    assert ended("verify", "demo", "--slow", root).exit_code == 0


def test_a_range_mends_what_is_damaged_in_it(root: Path):
    path = an_object(root)
    before = path.read_bytes()
    flip(path)
    result = ended("repair", "demo", "--slow", root, "--shards", ":")
    assert result.exit_code == 0
    assert f"{path} was damaged or gone, rebuilt from the images" in result.stdout
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--shards", "1:3"], "--shards 1:3 should lie in 0:2: version 1 has 2 shards"),
        (["--shards", "one"], "--shards should be FIRST:STOP such as 3:7"),
        (["--class", "n0000000"], "has no class 'n0000000'"),
        (["--class", "n00000001", "--shards", "0:1"], "choose shards by --shards or by --class, not by both"),
    ],
)
def test_a_range_that_means_nothing_is_refused_and_nothing_is_built(options: list[str], told: str, root: Path):
    result = ended("repair", "demo", "--slow", root, *options)
    assert result.exit_code == 2
    assert told in result.stderr


def test_gc_says_what_would_go_and_touches_nothing_until_it_is_told_to(root: Path, source: Path):
    add_pictures(source, 8, first=16)
    prepare(BareJob(str(source), str(root)))
    before = sorted((root / "demo").rglob("*"))
    arguments = ("gc", "demo", "--slow", root, "--keep", "1", "--grace", "0d")
    result = ended(*arguments)
    assert result.exit_code == 0
    assert "versions/00000001.json  (an older version than those to keep)" in result.stdout
    assert "Nothing was touched; to do it, add --apply" in result.stdout
    assert sorted((root / "demo").rglob("*")) == before
    assert "imagemill repair` still finds it" in ended(*arguments, "--apply").stdout
    assert not (root / "demo" / "versions" / "00000001.json").exists()
    assert ended("verify", "demo", "--slow", root).exit_code == 0


def test_gc_leaves_what_is_younger_than_the_grace_period(root: Path, source: Path):
    add_pictures(source, 8, first=16)
    prepare(BareJob(str(source), str(root)))
    assert facts("gc", "demo", "--slow", root, "--keep", "1")["collection"]["garbage"] == []


@pytest.mark.parametrize("command", ["verify", "repair", "gc"])
def test_an_unknown_dataset_is_refused_with_the_known_ones_and_nothing_is_made(command: str, root: Path):
    result = ended(command, "imagenet", "--slow", root)
    assert result.exit_code == 2
    assert "has no dataset 'imagenet'; it has: demo" in result.stderr
    assert [name for name in os.listdir(root) if not name.startswith(".")] == ["demo"]


@pytest.mark.parametrize("options", [["--sample", "none"], ["--sample", "0%"], ["--quick", "--full"]])
def test_a_share_that_means_nothing_is_refused(options: list[str], root: Path):
    result = ended("verify", "demo", "--slow", root, *options)
    assert result.exit_code == 2
    assert "--sample" in result.stderr


def test_shares_and_periods_are_read_as_people_write_them():
    assert chosen_share(quick=False, sample="5%", full=False) == pytest.approx(0.05)
    assert chosen_share(quick=False, sample="0.25", full=False) == pytest.approx(0.25)
    assert chosen_share(quick=True, sample=None, full=False) == 0.0
    assert chosen_share(quick=False, sample=None, full=False) == 1.0
    assert chosen_period("12h") == timedelta(hours=12)
    with pytest.raises(ValueError, match="such as 7d, 12h or 30m, got 'a week'"):
        chosen_period("a week")
