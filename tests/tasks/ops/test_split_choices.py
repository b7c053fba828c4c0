"""What splits are asked for: by seed or by files, of the classes that word maps can tell apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import UnknownDataset
from storage.tiers import Tiers
from storage.word_maps import open_word_maps
from tasks.ops.split_choices import (
    SplitClasses,
    choices_by_file,
    choices_by_seed,
    classes_in,
    request_of,
)
from tests.storage.word_bundles import published_words

NAMES = ("a", "b", "c", "d", "e")


def five(*, without: str = "") -> SplitClasses:
    return SplitClasses(NAMES, NAMES, ("animal",) * 5, tuple(name not in without for name in NAMES))


def listed(folder: Path, text: str, *, name: str = "seen.txt") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_classes_are_those_of_the_dataset_in_the_order_of_its_labels(tmp_path: Path):
    words = published_words(Tiers(tmp_path, tmp_path))
    with open_word_maps(words.tiers) as maps:
        found = classes_in(maps, "photos", ("no such thing", "n00000020"))
    assert (found.names, found.words) == (("no such thing", "n00000020"), ("no such thing", "dog"))
    assert (found.branches, found.has_own_vector) == (("", "animal"), (False, True))
    assert found.eligible == ("n00000020",)


def test_a_dataset_that_has_got_other_classes_since_needs_new_word_maps(tmp_path: Path):
    words = published_words(Tiers(tmp_path, tmp_path))
    told = "the word maps know 1 of the 2 classes of photos, and not 'n1'. Run: imagemill words --dataset photos"
    with open_word_maps(words.tiers) as maps, pytest.raises(UnknownDataset, match=told):
        classes_in(maps, "photos", ("n00000020", "n1"))


def test_seeds_choose_among_classes_with_a_vector_of_their_own_and_count_once():
    choices = choices_by_seed(five(without="c"), seeds=(7, 0, 7), share=0.5)
    assert [(choice.number, len(choice.unseen), choice.told) for choice in choices] == [
        (0, 2, "seed 0, 0.5 unseen"),
        (7, 2, "seed 7, 0.5 unseen"),
    ]
    assert all("c" not in choice.unseen for choice in choices)


def test_a_file_names_the_seen_classes_and_the_rest_is_unseen(tmp_path: Path):
    files = [listed(tmp_path, "a\nc # has no vector of its own\n\n"), listed(tmp_path, "b\nd", name="more.txt")]
    choices = choices_by_file(five(without="c"), files)
    assert [(choice.number, set(choice.unseen)) for choice in choices] == [(0, {"b", "d", "e"}), (1, {"a", "e"})]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\nz\ny\n", r"seen\.txt names 2 that are no classes of the dataset, such as 'y'"),
        ("a\nb\nd\ne\n", "names 4 of the 4 classes with a vector of their own; at least one must be seen and one"),
        ("c\n", "names 0 of the 4 classes with a vector of their own"),
        ("# nothing\n", "names no class"),
    ],
)
def test_a_file_that_names_strangers_all_or_none_is_refused(tmp_path: Path, text: str, told: str):
    with pytest.raises(ValueError, match=told):
        choices_by_file(five(without="c"), [listed(tmp_path, text)])


def test_the_request_is_that_of_content_and_not_of_how_it_was_told(tmp_path: Path):
    by_file = choices_by_file(five(), [listed(tmp_path, "a\nb\nc\nd\n")])
    again = choices_by_file(five(), [listed(tmp_path, "d\nc\nb\na\n", name="other.txt")])
    first = request_of(five(), by_file, wordnet="0" * 64, facts=(("classes of", "photos, version 1"),))
    assert first.digest == request_of(five(), again, wordnet="0" * 64, facts=()).digest
    assert first.facts == (
        ("classes of", "photos, version 1"),
        ("split 0", f"{tmp_path}/seen.txt names the seen classes"),
    )
    others = [
        request_of(five(), again, wordnet="1" * 64, facts=()),
        request_of(five(without="e"), again, wordnet="0" * 64, facts=()),
        request_of(five(), choices_by_seed(five(), seeds=(0,), share=0.4), wordnet="0" * 64, facts=()),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == 4
