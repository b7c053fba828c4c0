"""A listing names everything below a source, whatever it is called and whatever it is, and opens none of it."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.names import unescaped
from storage.refused import Reason, Refusal
from tasks.ops.listing import flat_stems, list_class_folders, list_flat_folder
from tasks.ops.source_files import SourceFolder

HOSTILE = (
    b"plain.JPEG",
    b"caf\xc3\xa9.jpg",
    b"latin\xe9.jpg",
    b"\xff\xfe",
    b"two\nlines.jpg",
    b"tab\t.jpg",
    b"\x1b[31mred.jpg",
    b"back\\slash.jpg",
    b"\\x41.jpg",
    b"\xe2\x80\xaeright to left.jpg",
    b" space ",
    b"-rf",
    b"%s{0}$HOME`id`;.jpg",
    b'"quoted",comma.jpg',
    b"<script>.jpg",
    b"\xed\xa0\x80lone surrogate.jpg",
    b"n" * 255,
)


def touch(root: Path, path: bytes, content: bytes = b"x") -> Path:
    file = Path(os.fsdecode(os.path.join(os.fsencode(root), path)))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def names(listing: pa.Table) -> list[str]:
    return listing["name"].to_pylist()


def test_every_hostile_name_comes_back_to_its_bytes(tmp_path: Path):
    for name in HOSTILE:
        touch(tmp_path, b"cat/" + name)
    listing = list_class_folders(tmp_path)
    assert {unescaped(name) for name in names(listing)} == {b"cat/" + name for name in HOSTILE}
    assert all(name.isprintable() for name in names(listing))


def test_a_hostile_class_is_text_and_its_files_are_found(tmp_path: Path):
    touch(tmp_path, b"bad\xff\nclass/1.jpg")
    listing = list_class_folders(tmp_path)
    assert listing["class"].to_pylist() == ["bad\\xff\\x0aclass"]
    assert [unescaped(name) for name in names(listing)] == [b"bad\xff\nclass/1.jpg"]


ANY_NAME = st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, ord("/")} and name[:1] != b".")


@settings(max_examples=60, deadline=None)
@given(found=st.sets(ANY_NAME, min_size=1, max_size=5))
def test_any_names_come_back_and_stay_distinct(found: set[bytes], tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("source")
    for name in found:
        touch(root, b"cat/" + name)
    listed = names(list_class_folders(root))
    assert sorted(map(unescaped, listed)) == sorted(b"cat/" + name for name in found)
    assert len(set(listed)) == len(found)


def test_a_listing_tells_class_size_and_time_and_is_sorted_by_name(tmp_path: Path):
    for path, content in (("dog/2.jpg", b"12"), ("cat/9.jpg", b"123"), ("dog/1.jpg", b"")):
        os.utime(touch(tmp_path, path.encode(), content), ns=(0, 1_600_000_000_123_456_789 + len(content)))
    assert list_class_folders(tmp_path).to_pylist() == [
        {"name": "cat/9.jpg", "class": "cat", "size": 3, "mtime_ns": 1_600_000_000_123_456_792},
        {"name": "dog/1.jpg", "class": "dog", "size": 0, "mtime_ns": 1_600_000_000_123_456_789},
        {"name": "dog/2.jpg", "class": "dog", "size": 2, "mtime_ns": 1_600_000_000_123_456_791},
    ]


def test_nested_folders_belong_to_the_class_at_the_top(tmp_path: Path):
    touch(tmp_path, b"cat/deep/deeper/1.jpg")
    touch(tmp_path, b"cat/2.jpg")
    listing = list_class_folders(tmp_path)
    assert names(listing) == ["cat/2.jpg", "cat/deep/deeper/1.jpg"]
    assert listing["class"].to_pylist() == ["cat", "cat"]


def test_hidden_files_folders_and_classes_are_passed_over(tmp_path: Path):
    for path in (b"cat/1.jpg", b"cat/.DS_Store", b"cat/.cache/2.jpg", b".git/3.jpg", b"README.txt"):
        touch(tmp_path, path)
    assert names(list_class_folders(tmp_path)) == ["cat/1.jpg"]


def test_no_file_is_opened(tmp_path: Path):
    file = touch(tmp_path, b"cat/1.jpg")
    os.utime(file, ns=(1, 1))
    list_class_folders(tmp_path)
    assert file.stat().st_atime_ns == 1


def test_what_is_no_regular_file_is_listed_with_no_bytes_and_refused_when_read(tmp_path: Path):
    outside = touch(tmp_path, b"outside.jpg", b"secret")
    source = tmp_path / "source"
    (source / "cat" / "folder.JPEG").mkdir(parents=True)
    touch(source, b"cat/folder.JPEG/inside.jpg")
    (source / "cat" / "link.jpg").symlink_to(outside)
    (source / "cat" / "dangling.jpg").symlink_to("nowhere")
    (source / "cat" / "folder-link").symlink_to(tmp_path)
    os.mkfifo(source / "cat" / "pipe.jpg")
    rows = list_class_folders(source).to_pylist()
    assert [row["name"] for row in rows] == [
        "cat/dangling.jpg",
        "cat/folder-link",
        "cat/folder.JPEG",
        "cat/link.jpg",
        "cat/pipe.jpg",
    ]
    with SourceFolder(source, max_bytes=100) as opened:
        for row in rows:
            answer = opened.read(unescaped(row["name"]), size=row["size"], mtime_ns=row["mtime_ns"])
            assert row["size"] == 0
            assert isinstance(answer, Refusal)
            assert answer.reason is Reason.NOT_A_REGULAR_FILE, row


def test_each_class_is_reported_as_it_is_done(tmp_path: Path):
    for path in (b"cat/1.jpg", b"cat/2.jpg", b"dog/1.jpg"):
        touch(tmp_path, path)
    seen: list[int] = []
    list_class_folders(tmp_path, on_class=seen.append)
    assert seen == [2, 1]


def test_a_class_without_files_is_no_trouble_as_long_as_another_has_some(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    touch(tmp_path, b"cat/1.jpg")
    assert list_class_folders(tmp_path)["class"].to_pylist() == ["cat"]


def test_a_folder_without_class_folders_says_how_to_give_labels(tmp_path: Path):
    touch(tmp_path, b"1.jpg")
    with pytest.raises(ValueError, match=r"has no class folders \(such as n01440764/\); for a flat folder .* --labels"):
        list_class_folders(tmp_path)


def test_class_folders_without_a_file_are_counted(tmp_path: Path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    with pytest.raises(ValueError, match="has 2 class folders and not one file in them"):
        list_class_folders(tmp_path)


def test_the_folder_above_the_tree_is_told_where_the_tree_is(tmp_path: Path):
    touch(tmp_path, b"train/n01440764/1.jpg")
    touch(tmp_path, b"val/n01440764/1.jpg")
    with pytest.raises(ValueError, match=f"holds no images, but {tmp_path}/train looks like a source: point to that"):
        list_class_folders(tmp_path)


def test_a_class_called_train_is_a_class(tmp_path: Path):
    touch(tmp_path, b"train/1.jpg")
    assert names(list_class_folders(tmp_path)) == ["train/1.jpg"]


def test_a_flat_folder_takes_the_images_right_below_it_with_the_class_of_each_stem(tmp_path: Path):
    for path in (b"b.JPEG", b"a.png", b"notes.txt", b"deeper/c.jpg", b".hidden.jpg"):
        touch(tmp_path, path)
    listing = list_flat_folder(tmp_path, {"a": "dog", "b": "cat"})
    assert list(zip(names(listing), listing["class"].to_pylist(), strict=True)) == [("a.png", "dog"), ("b.JPEG", "cat")]
    assert sorted(flat_stems(tmp_path)) == ["a", "b"]


def test_a_flat_folder_and_labels_that_do_not_match_name_both_sides(tmp_path: Path):
    for number in range(5):
        touch(tmp_path, b"file%d.jpg" % number)
    with pytest.raises(ValueError, match="do not match: 4 files without a label") as caught:
        list_flat_folder(tmp_path, {"file0": "cat", "lost": "dog"})
    assert "(file1, file2, file3), 1 labels without a file (lost)" in str(caught.value)


def test_a_flat_folder_without_images_says_so(tmp_path: Path):
    touch(tmp_path, b"notes.txt")
    with pytest.raises(ValueError, match="has no image files"):
        list_flat_folder(tmp_path, {})
