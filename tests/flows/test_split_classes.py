"""`imagemill splits`: from the classes of a dataset and word maps to published splits, once."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from storage.class_splits import open_class_splits
from storage.locking import dataset_lock
from storage.tiers import Tiers
from storage.verification import verified
from storage.versions import version_numbers
from tasks.ops.wordnet_source import FILES
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures
from tests.storage.damaged_files import on_disk
from tests.storage.word_bundles import add_classes, published_words
from tests.tasks.ops.wordnet_examples import DEBIAN, needs_wordnet, real_nouns

pytestmark = needs_wordnet

TENCH, GOLDFISH, GOLDEN, LABRADOR = "n01440764", "n01443537", "n02099601", "n02099712"
CLASSES = tuple(sorted((TENCH, GOLDFISH, GOLDEN, LABRADOR, "no such thing")))


@dataclass(frozen=True)
class Roots:
    """Images of five classes below two roots, with word maps that have a vector for four of them."""

    tiers: Tiers
    wordnet: Path

    def splits(self, *options: object) -> Result:
        given = ("splits", "photos", "--wordnet", self.wordnet, "--slow", self.tiers.slow, "--fast", self.tiers.fast)
        return CliRunner().invoke(app, [str(argument) for argument in (*given, *options)])

    def facts(self, *options: object) -> dict[str, Any]:
        result = self.splits(*options, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def refused(self, *options: object, code: int = 2) -> str:
        result = self.splits(*options)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result.stderr

    @property
    def folder(self):
        return self.tiers.authority("splits-photos")

    def objects(self) -> dict[str, tuple[str, int]]:
        return on_disk(self.folder.objects)


@pytest.fixture(scope="module")
def prepared(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Roots:
    root = tmp_path_factory.mktemp("splits")
    source = add_pictures(root / "source", 4)
    for name in set(CLASSES) - {TENCH, GOLDFISH}:
        shutil.copytree(source / TENCH, source / name)
    prepare(BareJob(str(source), str(root / "slow"), dataset="photos"))
    words = published_words(Tiers(root / "slow", root / "fast"))
    rules = tuple("no vector" if name == "no such thing" else "exact phrase" for name in CLASSES)
    add_classes(words, "photos", CLASSES, rules)
    (root / "wordnet").mkdir()
    for name in FILES:
        shutil.copyfile(DEBIAN / name, root / "wordnet" / name)
    (root / "wordnet" / "lexnames").write_text("00\tadj.all\t3\n")
    return Roots(words.tiers, root / "wordnet")


@pytest.fixture
def roots(prepared: Roots, tmp_path: Path) -> Roots:
    """A copy that a test may change, without splits."""
    shutil.copytree(prepared.tiers.slow, tmp_path / "slow")
    return Roots(Tiers(tmp_path / "slow", tmp_path / "fast"), prepared.wordnet)


def test_splits_are_published_staged_and_found_again(roots: Roots):
    facts = roots.facts("--unseen", 0.5, "--seed", 3, "--seed", 1)
    assert (facts["status"], facts["name"], facts["version"]) == ("published", "splits-photos", 1)
    assert list(facts["splits"]) == ["1", "3"]
    for counts in facts["splits"].values():
        assert (counts["seen"], counts["unseen"], counts["set_aside"]) == (2, 2, 1)
        assert 0 < counts["within_2_hops"] < counts["within_3_hops"] < counts["nouns"] == 82_115 - 2
    with open_class_splits(roots.tiers, "splits-photos") as splits:
        split = splits.split(3)
    assert split.names == (*real_nouns(), "no such thing")
    assert {split.names[row]: int(split.labels[row]) for row in split.rows_of(split.labels[split.labels >= 0])} == {
        name: label for label, name in enumerate(CLASSES)
    }
    assert "`no such thing no such thing`" in Path(facts["card"]).read_text(encoding="utf-8")
    assert verified(roots.tiers, "splits-photos", share=1.0).is_whole
    assert {path.name for path in (roots.tiers.fast / "splits-photos" / "objects").iterdir()} == {
        Path(path).name for path in roots.objects()
    }
    before = roots.objects()
    again = roots.splits("--unseen", 0.5, "--seed", 1, "--seed", 3)
    assert "splits-photos: nothing to do, version 1 holds these splits" in again.stdout
    assert "  split 1   2 seen, 2 unseen, 1 set aside; nouns within 2 hops " in again.stdout
    assert roots.objects() == before
    assert version_numbers(roots.folder) == [1]


def test_seen_classes_of_a_file_give_hops_from_them(roots: Roots, tmp_path: Path):
    (tmp_path / "seen.txt").write_text(f"{GOLDEN}\n{TENCH}\n")
    facts = roots.facts("--seen", tmp_path / "seen.txt", "--name", "mine")
    assert (facts["name"], list(facts["splits"])) == ("mine", ["0"])
    with open_class_splits(roots.tiers, "mine") as splits:
        split = splits.split(0)
    rows = {name: row for row, name in enumerate(split.names)}
    # Both retrievers are a kind of retriever; tench and goldfish are both cyprinids.
    assert [int(split.hops[rows[name]]) for name in (GOLDEN, LABRADOR, TENCH, GOLDFISH)] == [0, 2, 0, 2]
    assert [str(split.roles[rows[name]]) for name in (GOLDEN, LABRADOR)] == ["seen", "unseen"]


@pytest.mark.slow
def test_a_lost_file_comes_back_from_the_spare_and_without_it_is_made_again(roots: Roots):
    facts = roots.facts("--unseen", 0.5, "--seed", 0)
    before = {path: content for path, (content, _) in roots.objects().items()}
    for lost in ("split-*", "hypernyms-*", "card-*"):
        for path in roots.folder.objects.glob(lost):
            path.unlink()
    assert roots.facts("--unseen", 0.5, "--seed", 0)["status"] == "unchanged"
    assert {path: content for path, (content, _) in roots.objects().items()} == before
    for path in (*roots.folder.spares.iterdir(), *roots.folder.objects.glob("split-*")):
        path.unlink()
    again = roots.facts("--unseen", 0.5, "--seed", 0)
    assert (again["status"], again["version"], again["identity"]) == ("unchanged", 1, facts["identity"])
    assert {path: content for path, (content, _) in roots.objects().items()} == before
    assert len(list(roots.folder.spares.iterdir())) == 1


@pytest.mark.slow
def test_other_seeds_are_the_next_version(roots: Roots):
    roots.facts("--unseen", 0.5, "--seed", 0)
    facts = roots.facts("--unseen", 0.5, "--seed", 0, "--seed", 1)
    assert (facts["status"], facts["version"], list(facts["splits"])) == ("published", 2, ["0", "1"])


def test_what_cannot_be_split_is_refused_and_leaves_no_dataset(roots: Roots, tmp_path: Path):
    (tmp_path / "seen.txt").write_text("n00000001\n")
    seen = ("--seen", tmp_path / "seen.txt")
    assert "names 1 that are no classes of the dataset, such as 'n00000001'" in roots.refused(*seen)
    assert "give one of seed, seen" in roots.refused(*seen, "--seed", 1)
    assert "a share of 0.01 is 0; at least one must be unseen" in roots.refused("--unseen", 0.01)
    assert "less than 1" in roots.refused("--unseen", 1.5)
    assert "holds no published version; run: imagemill words --name nothing" in roots.refused("--words", "nothing")
    assert not roots.folder.path.exists()


def test_a_name_that_another_kind_has_is_refused(roots: Roots):
    assert "is a dataset of words, and cannot take splits" in roots.refused("--unseen", 0.5, "--name", "words")


@pytest.mark.slow
def test_a_run_beside_another_is_told_who_holds_the_splits(roots: Roots):
    roots.facts("--unseen", 0.5, "--seed", 0)
    with dataset_lock(roots.folder):
        told = roots.refused("--unseen", 0.5, "--seed", 0, code=11)
    assert f"is being built by process {os.getpid()} on " in told
