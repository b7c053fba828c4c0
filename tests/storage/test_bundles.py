"""Versions of named files: published once, whole, found when damaged, and as well kept as those of images."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import open_version
from storage.bundles import (
    Bundle,
    BundleFile,
    FileReceipt,
    bundle_identity,
    current_bundle,
    find_file_receipt,
    has_file_receipt,
    read_bundle,
    read_file_receipt,
    write_file_receipt,
)
from storage.collection import collect
from storage.datasets import create_dataset
from storage.errors import DamagedDataset, DatasetError, UnknownDataset, UnreadableRecord, VersionConflict
from storage.garbage import GRACE, find_garbage, move_to_trash
from storage.layout import DatasetFolder
from storage.publishing import current_published, publish, read_published
from storage.receipts import StoredObject
from storage.records import record_in, write_record
from storage.spares import ensure_spare, restore_bundle, spare_of
from storage.staging import needed_for_sizes, stage
from storage.tiers import Tiers
from storage.verification import verified
from storage.versions import current_version, read_version, version_numbers
from storage.word_maps import open_word_maps
from tests.storage.aged_versions import age
from tests.storage.damaged_files import DAMAGES, as_of_format, damaged, files_of
from tests.storage.random_versions import Published, stored_bytes
from tests.storage.word_bundles import PublishedWords, on_top, published_words

FILES = ("nouns.npy", "nouns.parquet", "classes-photos.npy", "classes-photos.parquet")
KINDS = ("mark", "record", "receipt", "card", "vectors", *FILES)


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> PublishedWords:
    """Two versions of word maps. Do not change them."""
    root = tmp_path_factory.mktemp("words")
    tiers = Tiers(root / "slow", root / "fast")
    published_words(tiers, seed=1)
    return published_words(tiers, seed=2)


@pytest.fixture
def published(published_once: PublishedWords, tmp_path: Path) -> PublishedWords:
    """The second of two versions, in a copy that a test may change."""
    shutil.copytree(published_once.tiers.slow, tmp_path / "slow")
    return replace(published_once, tiers=Tiers(tmp_path / "slow", tmp_path / "fast"))


def path_of(published: PublishedWords, kind: str) -> Path:
    """Return the first file of one kind that the second version has."""
    places = {
        "mark": lambda: published.folder.marker,
        "record": lambda: published.folder.version(2),
        "receipt": published.receipt,
    }
    return places.get(kind, lambda: files_of(published.object(kind))[0])()


# ---- Publishing


def test_a_published_bundle_is_read_back_as_it_was(published: PublishedWords):
    bundle = published.bundle
    assert (bundle.number, bundle.parent, bundle.kind) == (2, 1, "words")
    assert read_bundle(published.folder, 2) == read_published(published.folder, 2) == bundle
    assert current_bundle(published.folder) == current_published(published.folder) == bundle
    assert read_bundle(published.folder, 1).made_of == (("seed", "1"),)
    assert [file.name for file in bundle.files] == ["vectors", *FILES]
    assert bundle.bytes == sum(file.stat().st_size for name in ("vectors", *FILES) for file in whole(published, name))
    assert bundle.shards == ()


def whole(published: PublishedWords, name: str) -> list[Path]:
    path = published.object(name)
    return [path] if path.is_file() else list(path.iterdir())


def test_a_record_is_json_that_checks_itself_and_names_files_by_their_hash(published: PublishedWords):
    record = json.loads(published.folder.version(2).read_bytes())
    assert (record["kind"], record["body"]["kind"]) == ("bundle", "words")
    for name in FILES:
        (stored,) = [file["stored"] for file in record["body"]["files"] if file["name"] == name]
        content = (published.folder.objects / stored["name"]).read_bytes()
        assert (stored["digest"], stored["bytes"]) == (blake3(content).hexdigest(), len(content))


def test_an_unknown_file_or_version_is_refused_with_those_that_are_there(published: PublishedWords):
    with pytest.raises(UnknownDataset, match=r"version 2 has no verbs\.npy; it has: vectors, nouns\.npy, nouns\.parq"):
        published.bundle.file("verbs.npy")
    with pytest.raises(UnknownDataset, match="words has no version 7; it has: 1, 2"):
        read_bundle(published.folder, 7)


def test_an_unchanged_bundle_is_not_published_twice(published: PublishedWords):
    folder = published.folder
    later = {"created": "2030-01-01T00:00:00+00:00", "request": "other", "card": other_card(folder)}
    again = on_top(folder, published.bundle, **later)
    assert publish(folder, again) == (published.bundle, False)
    assert version_numbers(folder) == [1, 2]
    earlier, is_new = publish(folder, on_top(folder, read_bundle(folder, 1)))
    assert (earlier.number, earlier.parent, is_new) == (3, 2, True)


def other_card(folder: DatasetFolder) -> StoredObject:
    return stored_bytes(folder, b"# another day\n", prefix="card", suffix=".md")


def test_a_draft_on_an_older_version_is_a_conflict_and_one_without_its_files_is_not_published(
    published: PublishedWords,
):
    folder = published.folder
    files = published.bundle.files[:3]
    draft = on_top(folder, published.bundle, files=files, identity=bundle_identity("words", files))
    with pytest.raises(VersionConflict, match="another run published version 2 of words with other content"):
        publish(folder, replace(draft, number=2, parent=1))
    published.object("nouns.npy").unlink()
    with pytest.raises(DamagedDataset, match=r"nouns-\w+\.npy vanished before it could be published\. Run again"):
        publish(folder, draft)
    assert version_numbers(folder) == [1, 2]


PUBLISHER = """
import sys
from dataclasses import replace
from pathlib import Path
import msgspec
from storage.bundles import Bundle, BundleFile, bundle_identity, current_bundle
from storage.errors import VersionConflict
from storage.layout import DatasetFolder
from storage.publishing import publish
from storage.versions import next_number
folder, me = DatasetFolder(Path(sys.argv[1])), sys.argv[2]
draft = msgspec.json.decode(Path(sys.argv[3]).read_bytes(), type=Bundle)
print("ready", flush=True)
sys.stdin.readline()
for attempt in range(15):
    name = sys.argv[4] or f"{me} {attempt}"
    files = (replace(draft.files[0], name=name), *draft.files[1:])
    current = current_bundle(folder)
    parent = current.number if current else None
    mine = replace(
        draft, files=files, identity=bundle_identity("words", files), number=next_number(folder), parent=parent
    )
    try:
        bundle, new = publish(folder, mine)
        print(name, "new" if new else "old", bundle.number, sep="|")
    except VersionConflict as error:
        print(name, error, 0, sep="|")
"""


def race(start_python, published: PublishedWords, *, name: str) -> list[list[str]]:
    path = published.folder.tmp / "draft.json"
    path.write_bytes(msgspec.json.encode(published.bundle))
    racers = [start_python(PUBLISHER, published.folder.path, me, path, name) for me in range(2)]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 2
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [line.split("|") for racer in racers for line in racer.communicate(timeout=60)[0].splitlines()]


def test_of_publishers_that_race_one_wins_each_number_and_nothing_is_overwritten(
    published: PublishedWords, start_python
):
    outcomes = race(start_python, published, name="")
    assert len(outcomes) == 30
    won = {int(number): name for name, what, number in outcomes if what == "new"}
    assert sorted(won) == version_numbers(published.folder)[2:] == list(range(3, 3 + len(won)))
    assert {number: read_bundle(published.folder, number).files[0].name for number in won} == won
    for _, what, _ in outcomes:
        assert what == "new" or what.endswith("nothing of it was overwritten. Run again to build on top of it")


def test_of_publishers_of_the_same_one_is_new_and_all_get_the_version(published: PublishedWords, start_python):
    outcomes = race(start_python, published, name="the same")
    assert version_numbers(published.folder) == [1, 2, 3]
    assert {number for _, _, number in outcomes} == {"3"}
    assert sorted(what for _, what, _ in outcomes) == ["new"] + ["old"] * 29


# ---- Records

NAMES = st.text("abc/-é", min_size=1, max_size=5)
OBJECTS = st.builds(
    lambda digest, count: StoredObject(f"file-{digest}.npy", digest, count),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(0, 2**53),
)
BUNDLE_FILES = (
    st.dictionaries(NAMES, st.tuples(OBJECTS, st.booleans()), max_size=4)
    .map(dict.items)
    .map(lambda files: tuple(BundleFile(name, *facts) for name, facts in files))
)
FACTS = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=BUNDLE_FILES, facts=FACTS, card=OBJECTS, keys=st.lists(st.text(max_size=5), max_size=2).map(tuple))
def test_any_bundle_and_receipt_come_back_from_their_record(
    files: tuple[BundleFile, ...],
    facts: tuple[tuple[str, str], ...],
    card: StoredObject,
    keys: tuple[str, ...],
    fresh: Callable[[], Path],
):
    folder = create_dataset(fresh(), "words", kind="words")
    identity = bundle_identity("words", files)
    bundle = Bundle(1, None, identity, "today", "words", "request", facts, keys, files, card)
    write_record(folder.version(1), "bundle", bundle)
    assert read_bundle(folder, 1) == bundle
    assert identity == bundle_identity("words", files[::-1])
    assert set(bundle.companions) == {card, *(file.stored for file in files if file.is_spared)}
    receipt = FileReceipt("a" * 64, facts, files, 1.5)
    write_file_receipt(folder, receipt)
    assert read_file_receipt(folder, "a" * 64) == receipt


def test_a_record_that_is_damaged_or_tells_a_lie_is_passed_over_with_a_warning(
    published: PublishedWords, caplog: pytest.LogCaptureFixture
):
    folder = published.folder
    first = read_bundle(folder, 1)
    path = folder.version(2)
    sound = path.read_bytes()
    spoilt = {
        "damaged": DAMAGES["middle bit"](sound),
        "is the record of another version": folder.version(1).read_bytes(),
    }
    for told, content in spoilt.items():
        with damaged(path, content), caplog.at_level(logging.WARNING):
            with pytest.raises(DamagedDataset, match=told):
                read_bundle(folder, 2)
            assert current_bundle(folder) == current_published(folder) == first
        assert f"version 2 is passed over: {path}" in caplog.text
    twice = replace(published.bundle, files=published.bundle.files * 2)
    twice = replace(twice, identity=bundle_identity("words", twice.files))
    for lie in (replace(published.bundle, identity="0" * 64), twice):
        write_record(path, "bundle", lie)
        with pytest.raises(DamagedDataset, match=r"00000002\.json contradicts itself: imagemill did not write it"):
            read_bundle(folder, 2)


def test_a_record_of_later_code_is_an_error_and_not_passed_over(published: PublishedWords):
    path = published.folder.version(2)
    path.write_bytes(as_of_format(path.read_bytes(), "bundle", 3))
    with pytest.raises(UnreadableRecord, match="Use the version that wrote it"):
        current_bundle(published.folder)


# ---- Receipts


def test_a_receipt_proves_nothing_once_its_files_are_not_what_it_states(
    published: PublishedWords, caplog: pytest.LogCaptureFixture
):
    folder, key = published.folder, published.bundle.receipts[0]
    receipt = find_file_receipt(folder, key)
    assert receipt is not None
    assert (receipt.key, receipt.made_of, receipt.files) == (key, (("seed", "2"),), published.bundle.files[:1])
    assert find_file_receipt(folder, "f" * 64) is None
    for file in files_of(published.object("vectors")):
        for damage in ("middle bit", "last byte lost", "deleted"):
            with damaged(file, DAMAGES[damage](file.read_bytes())):
                assert find_file_receipt(folder, key) is None
                assert has_file_receipt(folder, key)
    assert find_file_receipt(folder, key) == receipt
    published.receipt().write_bytes(folder.receipt("0" * 63 + "1").read_bytes())
    with caplog.at_level(logging.WARNING):
        assert find_file_receipt(folder, key) is None
    assert not has_file_receipt(folder, key)
    assert "a receipt proves nothing, its step will be done again: " in caplog.text
    assert "is the receipt of another step" in caplog.text


# ---- Damage


def test_whole_word_maps_verify_and_every_damaged_file_is_found_and_named(published: PublishedWords):
    sound = verified(published.tiers, "words", share=1.0)
    assert (sound.is_whole, sound.versions, sound.notes) == (True, (1, 2), ())
    for kind in KINDS:
        path = path_of(published, kind)
        for damage in ("middle bit", "half lost", "deleted"):
            with damaged(path, DAMAGES[damage](path.read_bytes())):
                found = verified(published.tiers, "words", share=1.0).damages
            folders = {path, published.object("vectors")}
            assert [one.path in folders for one in found] == [True], (kind, damage)
            # Both versions are of the same nouns and classes, and share the tables of them.
            users = {"mark": (), "nouns.parquet": (1, 2), "classes-photos.parquet": (1, 2)}
            assert found[0].versions == users.get(kind, (2,)), (kind, damage)
            if damage == "deleted":
                told = "it should have" if kind == "vectors" else "missing"
                assert found[0].problem.startswith(told), kind


def test_a_damaged_copy_on_the_fast_root_is_found_as_one(published: PublishedWords):
    stage(published.tiers, "words", published.bundle.objects)
    copy = published.tiers.fast / "words" / "objects" / published.object("nouns.npy").name
    copy.write_bytes(DAMAGES["last bit"](copy.read_bytes()) or b"")
    (found,) = verified(published.tiers, "words", share=1.0).damages
    assert (found.path, found.tier, found.problem) == (copy, "fast", "its bytes are not those that were published")


# ---- Spares


def members(spare: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(spare) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_spare_has_mark_record_receipts_card_and_exactly_the_files_that_are_spared(published: PublishedWords):
    folder = published.folder
    spare = spare_of(folder, 2)
    assert spare is not None
    names = ("card", "nouns.parquet", "classes-photos.parquet")
    paths = [folder.marker, folder.version(2), published.receipt(), *(published.object(name) for name in names)]
    assert members(spare) == {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in paths}
    assert {file.name for file in published.bundle.files if file.is_spared} == set(names[1:])


def test_two_names_for_the_same_content_are_one_object_and_one_member_of_the_spare(published: PublishedWords):
    # As the classes of two datasets of the same images are.
    folder, bundle = published.folder, published.bundle
    others = [replace(file, name=file.name.replace("photos", "others")) for file in bundle.files[3:]]
    files = (*bundle.files, *others)
    draft = on_top(folder, bundle, files=files, identity=bundle_identity("words", files))
    assert (len(draft.files), len(draft.objects), len(draft.companions)) == (7, 6, 3)
    third, is_new = publish(folder, draft)
    assert is_new
    assert len(members(ensure_spare(folder, third, folder.tmp))) == 6
    assert verified(published.tiers, "words", share=1.0).is_whole


@pytest.mark.parametrize("kind", ["mark", "record", "receipt", "card", "nouns.parquet"])
def test_what_is_damaged_is_never_spared(published: PublishedWords, kind: str):
    folder, path = published.folder, path_of(published, kind)
    spare = spare_of(folder, 2)
    assert spare is not None
    spare.unlink()
    for damage in ("middle bit", "deleted"):
        with (
            damaged(path, DAMAGES[damage](path.read_bytes())),
            pytest.raises((DatasetError, FileNotFoundError), match=f"{path.name}|has no version 2"),
        ):
            ensure_spare(folder, published.bundle, folder.tmp)
        assert spare_of(folder, 2) is None
    assert ensure_spare(folder, published.bundle, folder.tmp) == spare


def test_a_spare_puts_receipt_table_and_card_back_and_leaves_the_rest(published: PublishedWords):
    folder = published.folder
    for kind in ("receipt", "card", "nouns.parquet", "nouns.npy"):
        path = path_of(published, kind)
        for damage in ("middle bit", "deleted"):
            content = path.read_bytes()
            with damaged(path, DAMAGES[damage](content)):
                restore_bundle(folder, published.bundle, folder.tmp)
                now = path.read_bytes() if path.exists() else None
                assert (now == content) is (kind != "nouns.npy"), (kind, damage)


# ---- Collection


def aged(published: PublishedWords) -> PublishedWords:
    for part in ("versions", "spares", "receipts", "objects"):
        for path in (published.folder.path / part).iterdir():
            age(path, days=30)
    return published


def of_version(folder: DatasetFolder, number: int) -> set[Path]:
    """Return whatever belongs to a version, read from the JSON on disk alone."""
    body = json.loads(folder.version(number).read_bytes())["body"]
    names = [body["card"]["name"], *(file["stored"]["name"] for file in body["files"])]
    receipts = {folder.path / "receipts" / f"{key}.json" for key in body["receipts"]}
    spares = set((folder.path / "spares").glob(f"{number:08d}-*"))
    return {folder.version(number), *(folder.objects / name for name in names)} | receipts | spares


def test_nothing_that_a_version_stands_on_is_garbage(published: PublishedWords):
    assert find_garbage(aged(published).folder, keep=None) == []
    assert find_garbage(published.folder, keep=2) == []


def test_an_old_version_is_collected_with_its_receipt_and_files_and_the_newest_stays_whole(published: PublishedWords):
    folder = aged(published).folder
    old, new = of_version(folder, 1), of_version(folder, 2)
    # Both have the same nouns, so the same tables.
    assert len(old & new) == 2
    assert {item.path for item in find_garbage(folder, keep=1)} == old - new
    collect(folder, keep=1, grace=GRACE)
    assert version_numbers(folder) == [2]
    assert all(path.exists() for path in new)
    assert not any(path.exists() for path in old - new)
    assert verified(published.tiers, "words", share=1.0).is_whole


def test_a_receipt_and_vectors_that_no_version_names_are_garbage_once_they_are_old(published: PublishedWords):
    folder = aged(published).folder
    loose = replace(published.bundle.files[0], stored=stored_bytes(folder, b"x", prefix="vectors", suffix=".words"))
    write_file_receipt(folder, FileReceipt("e" * 64, (), (loose,), 0.0))
    assert find_garbage(folder, keep=None) == []
    lost = {folder.receipt("e" * 64), folder.objects / loose.stored.name}
    for path in lost:
        age(path, days=8)
    assert {item.path for item in find_garbage(folder, keep=None)} == lost


def test_what_a_reader_holds_is_not_collected(published: PublishedWords):
    folder = aged(published).folder
    with open_word_maps(published.tiers, number=1) as maps:
        assert find_garbage(folder, keep=1) == []
        assert len(maps.nouns) == 3
    garbage = find_garbage(folder, keep=1)
    assert garbage != []
    with open_word_maps(published.tiers, number=1) as maps:
        move_to_trash(folder, garbage, keep=1, grace=timedelta(days=7))
        assert maps.version.number == 1
        assert len(maps.vectors) == 4
    assert version_numbers(folder) == [1, 2]


# ---- Images and words are not taken for each other


def test_word_maps_are_no_images(published: PublishedWords):
    told = r"slow/words holds files such as word maps, and no images"
    for read in (
        lambda: read_version(published.folder, 2),
        lambda: current_version(published.folder),
        lambda: open_version(published.tiers, "words"),
        lambda: open_version(published.tiers, "words", number=1),
    ):
        with pytest.raises(UnknownDataset, match=told):
            read()
    with pytest.raises(UnknownDataset, match="version 2 holds words, which have no sizes"):
        needed_for_sizes(published.bundle, [224])


def test_images_are_no_word_maps(publish_rows: Callable[..., Published]):
    photos = publish_rows("hdf5", shards=(2,))
    told = r"slow/photos holds images, and no files such as word maps"
    for read in (
        lambda: read_bundle(photos.folder, 1),
        lambda: current_bundle(photos.folder),
        lambda: open_word_maps(photos.tiers, "photos"),
        lambda: open_word_maps(photos.tiers, "photos", number=1),
    ):
        with pytest.raises(UnknownDataset, match=told):
            read()


def test_a_dataset_takes_only_what_it_was_made_for(published: PublishedWords):
    root = published.tiers.slow
    with pytest.raises(ValueError, match=r"slow/words is a dataset of words, and cannot take images; choose another"):
        create_dataset(root, "words")
    create_dataset(root, "photos")
    with pytest.raises(ValueError, match="photos is a dataset of images, and cannot take words; choose another name"):
        create_dataset(root, "photos", kind="words")
    assert create_dataset(root, "words", kind="words").path == published.folder.path


def test_a_record_of_images_reads_as_one_of_words_no_more_than_the_other_way(published: PublishedWords):
    with pytest.raises(DamagedDataset, match="should hold a version, it holds a bundle"):
        record_in(published.folder.version(2).read_bytes(), "version", Bundle, path=published.folder.version(2))
