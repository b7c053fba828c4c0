"""From classes and WordNet to a version: whole, the same for the same request, and with a card that tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.bundles import Bundle
from storage.class_splits import SPLITS, open_class_splits
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.scratch import scratch_folder
from storage.spares import spare_of
from storage.tiers import Tiers
from storage.verification import verified
from tasks.ops.split_choices import SplitChoice, SplitClasses, request_of
from tasks.ops.splits_publication import made_splits, publish_splits
from tasks.ops.splits_report import counts_of
from tasks.ops.wordnet_nouns import Noun, read_nouns
from tests.tasks.ops.wordnet_examples import KENNEL, write_wordnet

ANIMAL, DOG, GUIDE_DOG, LAIKA, CAT, PACK, FLAG = (f"n000000{tens}0" for tens in range(1, 8))
CLASSES = SplitClasses(
    names=(GUIDE_DOG, CAT, LAIKA, "a|b"),
    words=("guide_dog", "cat", "Laika", "a|b"),
    branches=("animal", "animal", "animal", ""),
    has_own_vector=(True, True, True, False),
)
CHOICES = (SplitChoice(0, frozenset({CAT}), "seed 0"), SplitChoice(4, frozenset({LAIKA, CAT}), "seed 4"))


@pytest.fixture
def nouns(tmp_path: Path) -> dict[str, Noun]:
    return read_nouns(write_wordnet(tmp_path / "wordnet", KENNEL))


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return create_dataset(tmp_path / "root", "splits-photos", kind=SPLITS)


def published(
    folder: DatasetFolder, nouns: dict[str, Noun], choices: tuple[SplitChoice, ...] = CHOICES
) -> tuple[Bundle, bool]:
    splits, pairs = made_splits(nouns, CLASSES, choices)
    request = request_of(CLASSES, choices, wordnet="0" * 64, facts=(("classes of", "photos, version 1"),))
    with scratch_folder(folder) as scratch:
        return publish_splits(folder, splits, pairs, CLASSES, request, scratch=scratch)


def tiers_of(folder: DatasetFolder) -> Tiers:
    return Tiers(folder.path.parent, folder.path.parent)


def test_what_is_published_is_what_was_chosen_with_hops_over_the_graph_beside_it(
    folder: DatasetFolder, nouns: dict[str, Noun]
):
    version, is_new = published(folder, nouns)
    assert is_new
    with open_class_splits(tiers_of(folder), folder.name) as splits:
        assert splits.seeds == (0, 4)
        first, second = splits.split(0), splits.split(4)
        named = {(first.names[one], first.names[other]) for one, other in splits.hypernyms}
    assert first.names == (ANIMAL, DOG, GUIDE_DOG, LAIKA, CAT, PACK, FLAG, "a|b")
    assert first.labels.tolist() == [-1, -1, 0, 2, 1, -1, -1, 3]
    assert (first.seen_labels.tolist(), first.unseen_labels.tolist()) == ([0, 2], [1])
    # Steps to the nearer of guide dog and Laika; pack and flag have no hypernym.
    assert first.hops.tolist() == [2, 1, 0, 0, 3, -1, -1, -1]
    assert (second.seen_labels.tolist(), second.unseen_labels.tolist()) == ([0], [1, 2])
    assert second.hops.tolist() == [2, 1, 0, 2, 3, -1, -1, -1]
    assert named == {(DOG, ANIMAL), (GUIDE_DOG, DOG), (LAIKA, DOG), (CAT, ANIMAL)}
    assert verified(tiers_of(folder), folder.name, share=1.0).is_whole
    assert spare_of(folder, version.number) is not None


def test_the_same_request_gives_the_same_version_and_another_the_next(folder: DatasetFolder, nouns: dict[str, Noun]):
    version, _ = published(folder, nouns)
    again, is_new = published(folder, nouns)
    assert (again.number, again.identity, is_new) == (1, version.identity, False)
    other, is_new = published(folder, nouns, CHOICES[:1])
    assert (other.number, other.parent, is_new) == (2, 1, True)


def test_the_card_tells_counts_distances_branches_and_what_was_set_aside(folder: DatasetFolder, nouns: dict[str, Noun]):
    version, _ = published(folder, nouns)
    lines = (folder.objects / version.card.name).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# splits-photos, version 1"
    expected = [
        "| classes of | `photos, version 1` |",
        "| split 0 | `seed 0` |",
        # Without the seen: animal and dog within 2 hops, the cat within 3, pack and flag nowhere near.
        "| 0 | 2 | 1 | 1 | 2 | 3 | 5 | 100.00% | 100.00% |",
        "| 4 | 1 | 2 | 1 | 3 | 4 | 6 | 50.00% | 100.00% |",
        "| split | 2 hops | 3 hops |",
        "| 4 | 1 | 1 |",
        "| animal | 3 | 1 | 2 |",
        "| no noun | 1 | 0 | 0 |",
        "`Laika`, `cat`",
    ]
    assert [line for line in expected if line not in lines] == []
    assert any("1 of 4 classes have no word vector of their own" in line and "`a\\|b a\\|b`." in line for line in lines)


def test_counts_are_those_of_classes_and_of_nouns_near_the_seen_ones(nouns: dict[str, Noun]):
    splits, _ = made_splits(nouns, CLASSES, CHOICES[:1])
    counts = counts_of(splits[0])
    assert (counts.seen, counts.unseen, counts.set_aside) == (2, 1, 1)
    assert (counts.within_2_hops, counts.within_3_hops, counts.nouns) == (2, 3, 5)
