"""`imagemill pairs` as a person at the terminal meets it, and what the other commands make of its datasets."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from blake3 import blake3
from typer.testing import CliRunner, Result

from flows.command_line import app
from flows.pair_job import PairJob
from storage import Tiers
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.pair_versions import BAD, GOOD
from storage.reading import open_pairs, open_version
from storage.versions import version_numbers
from tasks.ops.pair_recipe_files import shipped_recipes
from tests.faults.bare_pairs import BarePairs, make
from tests.faults.bare_prepare import REPOSITORY, BareJob, prepare
from tests.faults.tiny_source import add_pictures
from tests.oracles.published_dataset import record_body, state_of

pytestmark = pytest.mark.usefixtures("prefect_api")

HALF = """
name = "half"
bad_side = "1/2"
[[defects]]
defect = "shrink"
side = "1/2"
"""


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    add_pictures(root / "source", 24)
    prepare(BareJob(str(root / "source"), str(root / "slow"), "photos", sides=(32, 16)))
    return root


@pytest.fixture
def root(published_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 24 images of 32 and 16 pixels, published below `slow` as `photos`, and a recipe."""
    shutil.copytree(published_once / "slow", tmp_path / "slow")
    (tmp_path / "half.toml").write_text(HALF)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object, fast: str = "slow") -> Result:
    roots = ("--slow", "slow", "--fast", fast)
    return CliRunner().invoke(app, [str(argument) for argument in (*arguments, *roots)])


def pairs(*options: object, fast: str = "slow") -> dict:
    result = run("pairs", "photos", "--recipe", "half.toml", "--workers", 1, *options, "--json", fast=fast)
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def made(root: Path, name: str = "photos-half") -> Path:
    """Make pairs by the steps of the flow, in a tenth of its time; return the folder of the dataset."""
    slow = root / "slow"
    make(BarePairs(str(slow), str(slow), HALF, name, side=32))
    return slow / name


def refused(*arguments: object) -> str:
    """Return the one sentence of a command that ended with exit code 2."""
    result = run(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    (line,) = result.stderr.strip().splitlines()
    return line


def test_pairs_are_published_once_read_verified_and_listed(root: Path):
    facts = pairs()
    assert (facts["status"], facts["dataset"], facts["version"], facts["stored"]) == ("published", "photos-half", 1, 24)
    assert (facts["origin"]["dataset"], facts["origin"]["side"], facts["bad_side"]) == ("photos", 32, 16)
    assert Path(facts["card"]).read_text(encoding="utf-8").startswith("# photos-half, version 1")
    tiers = Tiers(root / "slow", root / "slow")
    with open_version(tiers, "photos") as images, open_pairs(tiers, "photos-half") as made:
        assert made.array(GOOD)[:].tobytes() == images.rows(32)[:].tobytes()
        assert made.array(BAD)[:].shape == (24, 16, 16, 3)
    assert run("verify", "photos-half").exit_code == 0
    listed = json.loads(run("status", "--json").stdout)["datasets"]
    assert [(each["name"], each["stored"], each["sides"]) for each in listed] == [
        ("photos", 24, [32, 16]),
        ("photos-half", 24, [32, 16]),
    ]
    Path(facts["card"]).unlink()
    told = run("pairs", "photos", "--recipe", "half.toml").stdout
    assert "photos-half: nothing to do, version 1 holds these pairs" in told
    assert re.search(r"good +photos, version 1, 32 px\n +bad +16 px, by the recipe half", told)
    assert Path(facts["card"]).is_file()


@pytest.mark.slow
def test_random_access_stages_copies_and_a_second_run_those_that_are_missing(root: Path):
    first = pairs("--size", 16, fast="fast")
    copies = root / "fast" / "photos-half" / "objects"
    assert len(list(copies.glob("*16-*"))) == len(list(copies.glob("*8-*"))) == 3
    shutil.rmtree(root / "fast")
    assert pairs("--size", 16, fast="fast")["status"] == "unchanged"
    assert len(list(copies.glob("*16-*"))) == 3
    shutil.rmtree(root / "fast")
    assert pairs("--size", 16, "--access", "sequential", fast="fast")["identity"] == first["identity"]
    assert not copies.exists()


def test_a_damaged_good_row_ends_with_1_its_path_and_the_remedy_and_nothing_is_published(root: Path):
    path = sorted((root / "slow" / "photos" / "objects").glob("32-*"))[0]
    with h5py.File(path, "r+") as file:
        file["images"][3, 5] = 0  # type: ignore[index] - it is a dataset
    result = run("pairs", "photos", "--recipe", "half.toml")
    assert result.exit_code == 1
    assert path.name in result.stderr
    assert "imagemill repair photos" in result.stderr.lower().replace("run: ", "")
    assert version_numbers(DatasetFolder(root / "slow" / "photos-half")) == []
    (failure,) = (root / "slow" / "photos-half" / "logs").glob("*.failure.json")
    assert json.loads(failure.read_bytes())["path"].endswith(path.name)


def test_repair_makes_a_flipped_bad_array_again_where_the_same_command_would_not_look(root: Path):
    path = sorted((made(root) / "objects").glob("bad-16-*"))[0]
    sound = path.read_bytes()
    path.write_bytes(sound[:-900] + bytes([sound[-900] ^ 1]) + sound[-899:])
    assert pairs()["status"] == "unchanged"
    result = run("repair", "photos-half")
    assert result.exit_code == 0, result.output
    assert "made again from the images of photos" in result.stdout
    assert path.read_bytes() == sound


def test_a_run_beside_another_is_told_who_holds_the_dataset(root: Path):
    with dataset_lock(DatasetFolder(made(root))):
        result = run("pairs", "photos", "--recipe", "half.toml")
    assert result.exit_code == 11
    assert f"is being built by process {os.getpid()} on " in result.stderr


# ---- Bad input


def test_the_shipped_recipes_are_listed_with_their_defects(root: Path):
    told = run("pairs", "--recipes").stdout
    for name, recipe in shipped_recipes().items():
        assert f"\n{name}\n  {recipe.defects[0].defect} " in f"\n{told}"
    facts = json.loads(run("pairs", "--recipes", "--json").stdout)
    assert facts["superres-x4"] == [["shrink", "probability 1.0, side 1/4, interpolation bicubic, enlarge none"]]


def test_help_has_examples(root: Path):
    text = " ".join(CliRunner().invoke(app, ["pairs", "--help"]).stdout.split())
    assert "imagemill pairs imagenet --recipe superres-x4 --size 288" in text


def test_no_dataset_is_one_sentence(root: Path):
    assert "which dataset's images are to be spoilt? imagemill pairs DATASET --recipe NAME" in refused("pairs")


def test_an_unknown_recipe_is_one_sentence_with_the_known_ones(root: Path):
    told = refused("pairs", "photos", "--recipe", "leson")
    assert "there is no recipe 'leson': take one of cutout, grey, lesson, " in told
    assert "No such file" in refused("pairs", "photos", "--recipe", "none.toml")


def test_a_recipe_that_is_wrong_is_one_sentence_with_its_place(root: Path):
    (root / "half.toml").write_text(HALF.replace("side =", "sides ="))
    told = refused("pairs", "photos", "--recipe", "half.toml")
    assert re.search(r"half\.toml, .*bad_sides|half\.toml, \[\[defects\]\] 1 \(shrink\): there is no key 'sides'", told)


def test_a_recipe_that_does_not_fit_the_size_is_one_sentence_and_makes_no_dataset(root: Path):
    told = refused("pairs", "photos", "--recipe", "lesson")
    assert "lesson wants bad images of 96 px where there are only 32 px: take good images of at least 96 px" in told
    assert not (root / "slow" / "photos-lesson").exists()


def test_a_size_that_was_not_published_is_one_sentence_with_those_that_were(root: Path):
    assert "photos has no size 17; it has: 32, 16" in refused("pairs", "photos", "--recipe", "half.toml", "--size", 17)
    assert "greater than or equal to 1" in refused("pairs", "photos", "--recipe", "half.toml", "--size", 0)


def test_an_unknown_dataset_or_version_is_one_sentence(root: Path):
    assert "holds no published version; run: imagemill prepare" in refused("pairs", "none", "--recipe", "grey")
    assert "has no version 9; it has: 1" in refused("pairs", "photos", "--recipe", "grey", "--version", 9)
    assert "letters, digits, '.', '_' and '-' only" in refused("pairs", "../photos", "--recipe", "grey")
    assert not (root / "slow" / "none").exists()


def test_images_and_pairs_never_mix_in_one_dataset(root: Path, published_once: Path):
    record = made(root, "made") / "versions" / "00000001.json"
    before = record.read_bytes()
    told = refused("pairs", "photos", "--recipe", "half.toml", "--name", "photos")
    assert "photos is a dataset of images, and cannot take pairs; choose another name" in told
    told = refused("prepare", published_once / "source", "--dataset", "made")
    assert "made is a dataset of pairs, and cannot take images; choose another name" in told
    assert "holds pairs, and no prepared images" in refused("pairs", "made", "--recipe", "half.toml")
    assert record.read_bytes() == before


def test_a_hostile_record_is_shown_and_not_obeyed(root: Path):
    path = made(root) / "versions" / "00000001.json"
    body = record_body(path, "pair-version") | {"recipe_name": "\x1b[2Jhalf\n# ![x](http://example.org)"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    checksum = blake3(f"pair-version 2 {text}".encode()).hexdigest()
    path.write_text(f'{{"blake3":"{checksum}","format":2,"kind":"pair-version","body":{text}}}\n')
    told = run("pairs", "photos", "--recipe", "half.toml").stdout
    assert "by the recipe \\x1b[2Jhalf\\n# ![x](http://example.org)" in told
    assert "\x1b" not in told


def test_every_parameter_of_the_job_is_described():
    assert [name for name, field in PairJob.model_fields.items() if not field.description] == []


# ---- Killed


def started(root: Path, name: str, api: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flows.command_line", "pairs", "many", "--recipe", str(root / "half.toml")]
    return subprocess.Popen(
        [*command, "--name", name, "--slow", str(root / "slow"), "--workers", "2", "--json"],
        cwd=REPOSITORY,
        env=os.environ | {"PREFECT_API_URL": api},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_command_that_was_stopped_goes_on_to_the_same_bytes(root: Path, number: signal.Signals, prefect_api: str):
    add_pictures(root / "source", 400)
    prepare(BareJob(str(root / "source"), str(root / "slow"), "many", rows_per_shard=8))
    process = started(root, "made", prefect_api)
    receipts = root / "slow" / "made" / "receipts"
    while process.poll() is None and len(list(receipts.glob("*.json"))) < 5:
        time.sleep(0.001)
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    if process.returncode != 0:
        assert process.returncode == (-number if number == signal.SIGKILL else 75), errors
        if number != signal.SIGKILL:
            assert "run the same command again to continue" in json.loads(output)["error"]
            assert list((root / "slow" / "made" / "tmp").iterdir()) == []
    for name in ("made", "whole"):
        again = started(root, name, prefect_api)
        output, errors = again.communicate(timeout=120)
        assert again.returncode == 0, errors
    records = [root / "slow" / name / "versions" / "00000001.json" for name in ("made", "whole")]
    made, whole = (state_of(record_body(path, "pair-version")) for path in records)
    assert made == whole
