"""The shuffle is a permutation that depends on each name alone; manifests and samples take what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.plans import LISTING_SCHEMA
from storage.shuffling import shuffle_keys
from storage.tiers import Tiers
from storage.word_maps import OpenWordMaps, open_word_maps
from tasks.ops.selection import chosen, read_manifest, sampled, with_vectors
from tasks.ops.word_mapping import class_map
from tasks.ops.wordnet_nouns import Noun
from tests.oracles.shuffle import MASK, shuffled_names, splitmix64
from tests.storage.word_bundles import published_words

IDS = st.integers(0, MASK)


def keys(ids: list[int], seed: int = 0) -> list[int]:
    return shuffle_keys(np.array(ids, np.uint64), seed).tolist()


def listing(*names: str) -> pa.Table:
    rows = [{"name": name, "class": name.split("/")[0], "size": 1, "mtime_ns": 1} for name in names]
    return pa.Table.from_pylist(rows, LISTING_SCHEMA)


def test_keys_are_the_published_outputs_of_splitmix64():
    assert [keys([0], seed)[0] for seed in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@given(ids=st.lists(IDS, max_size=20), seed=st.integers(0, 50))
def test_keys_are_those_of_python_integers(ids: list[int], seed: int):
    assert keys(ids, seed) == [splitmix64(name, seed + 1) for name in ids]


@given(ids=st.sets(IDS, max_size=50), seed=st.integers(0, 2**63 - 1))
def test_distinct_ids_never_tie_whatever_the_seed(ids: set[int], seed: int):
    assert len(set(keys(sorted(ids), seed))) == len(ids)


@given(ids=st.sets(IDS, min_size=2, max_size=50), seed=st.integers(0, 2**63 - 1), data=st.data())
def test_who_comes_first_of_two_does_not_depend_on_the_others(ids: set[int], seed: int, data: st.DataObject):
    some = data.draw(st.sets(st.sampled_from(sorted(ids)), min_size=1))
    among_all = [name for _, name in sorted(zip(keys(sorted(ids), seed), sorted(ids), strict=True))]
    alone = [name for _, name in sorted(zip(keys(sorted(some), seed), sorted(some), strict=True))]
    assert [name for name in among_all if name in some] == alone


def test_every_position_is_as_likely_for_every_id():
    count, shuffles = 16, 4000
    ids = np.arange(count, dtype=np.uint64)
    places = np.array([np.argsort(np.argsort(shuffle_keys(ids, seed))) for seed in range(shuffles)])
    for row in range(count):
        found = np.bincount(places[:, row], minlength=count)
        chi_squared = ((found - shuffles / count) ** 2 / (shuffles / count)).sum()
        # 15 degrees of freedom: 50 is passed once in 100,000 times.
        assert chi_squared < 50


def test_two_seeds_give_orders_that_have_nothing_to_do_with_each_other():
    ids = np.arange(5000, dtype=np.uint64)
    first, second = (np.argsort(np.argsort(shuffle_keys(ids, seed))) for seed in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05
    assert abs(np.corrcoef(first, np.arange(5000))[0, 1]) < 0.05


def test_a_manifest_holds_a_name_a_line_without_comments_blanks_and_doubles(tmp_path: Path):
    manifest = tmp_path / "sample.txt"
    manifest.write_text("# the sample\ndog\n\n  cat/1.jpg  # a good one\ndog\n")
    assert read_manifest(manifest) == ("cat/1.jpg", "dog")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n"])
def test_an_empty_manifest_is_a_mistake(tmp_path: Path, text: str):
    (tmp_path / "sample.txt").write_text(text)
    with pytest.raises(ValueError, match=r"sample\.txt names no class and no image"):
        read_manifest(tmp_path / "sample.txt")


def test_a_manifest_takes_whole_classes_and_single_images_in_the_order_of_the_listing():
    table = listing("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "owl/1.jpg", "owl/2.jpg")
    assert chosen(table, ("owl/2.jpg", "cat"))["name"].to_pylist() == ["cat/1.jpg", "cat/2.jpg", "owl/2.jpg"]


def test_manifest_entries_that_match_nothing_are_counted_and_named():
    entries = ("cat", "cat/9.jpg", "ca", *(f"x{number}" for number in range(5)))
    with pytest.raises(ValueError, match="7 manifest entries are neither a class nor an image of the source") as caught:
        chosen(listing("cat/1.jpg"), entries)
    assert str(caught.value).endswith(": cat/9.jpg, ca, x0, x1, x2")


def test_a_sample_is_the_first_of_the_shuffle_in_the_order_of_the_listing():
    names = [f"cat/{number}.jpg" for number in range(100)]
    first = shuffled_names(names, seed=3)[:10]
    assert sampled(listing(*names), 10, seed=3)["name"].to_pylist() == [name for name in names if name in first]


def test_a_larger_sample_holds_the_smaller_one():
    table = listing(*(f"cat/{number}.jpg" for number in range(200)))
    small, large = (set(sampled(table, limit, seed=1)["name"].to_pylist()) for limit in (20, 50))
    assert small < large


@pytest.mark.parametrize("limit", [3, 4, 1000])
def test_a_limit_that_the_listing_does_not_reach_takes_everything(limit: int):
    table = listing("cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
    assert sampled(table, limit, seed=0).equals(table)


# ---- Classes with a word vector


@pytest.fixture
def maps(tmp_path: Path) -> Iterator[OpenWordMaps]:
    """Maps of n00000010 animal, n00000020 dog and n00000050 cat, with the words the, animal, dog and cat."""
    tiers = Tiers(tmp_path, tmp_path)
    published_words(tiers)
    with open_word_maps(tiers) as opened:
        yield opened


def test_classes_without_a_vector_are_set_aside_and_the_rest_keeps_its_order(maps: OpenWordMaps):
    names = ("zzz", "n00000050", "Dog", "n99999999", "guide  dog", "the_cat", "zzz dog of zzz", "wild-dog", "unicorn")
    table = listing(*(f"{name}/{number}.jpg" for name in names for number in (1, 2)))
    kept, lacking = with_vectors(table, maps)
    assert lacking == ("n99999999", "unicorn", "zzz")
    assert kept["name"].to_pylist() == [
        name for name in table["name"].to_pylist() if not name.startswith(("n9", "unicorn", "zzz/"))
    ]


def test_a_class_is_set_aside_just_when_its_map_has_no_vector_for_it(maps: OpenWordMaps):
    names = ("dog", "DOG", "d-og", "cat food", "dog in boots", "cat zzz", "zzz dog cat zzz", "n00000020", "zzz", " ")
    nouns = {
        wnid: Noun(wnid, (label,), (), "") for wnid, label in zip(maps.nouns.names, maps.nouns.labels, strict=True)
    }
    found = class_map(names, nouns, maps.vectors)
    wanted = {name for name, has_vector in zip(names, found.has_vector, strict=True) if not has_vector}
    assert set(with_vectors(listing(*(f"{name}/1.jpg" for name in names)), maps)[1]) == wanted
    assert {"zzz", " "} <= wanted < set(names[3:])


def test_all_classes_with_vectors_leave_the_listing_as_it_is(maps: OpenWordMaps):
    table = listing("dog/1.jpg", "cat/1.jpg")
    kept, lacking = with_vectors(table, maps)
    assert (kept.equals(table), lacking) == (True, ())


def test_no_class_with_a_vector_is_a_mistake_that_is_explained(maps: OpenWordMaps):
    with pytest.raises(ValueError, match="none of the 2 classes of the source has a vector, 'class7' for one; a class"):
        with_vectors(listing("class7/1.jpg", "class8/1.jpg"), maps)
