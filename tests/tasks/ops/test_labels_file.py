"""Labels of a flat folder in three notations; whatever is wrong is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.ops.labels_file import read_labels

MAP = "n02119789 1 kit_fox\nn02100735 2 English_setter\nn02110185 3 Siberian_husky\n"


def labels_of(folder: Path, text: str | bytes, stems: list[str] | None = None) -> dict[str, str]:
    path = folder / "labels.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labels(path, stems or [])


def test_kaggles_csv_gives_the_class_before_the_boxes(tmp_path: Path):
    text = (
        "ImageId,PredictionString\n"
        "ILSVRC2012_val_00048981,n03995372 85 1 499 272 \n"
        "ILSVRC2012_val_00037956,n03481172 131 0 499 254 n03481172 1 2 3 4\n"
    )
    assert labels_of(tmp_path, text) == {
        "ILSVRC2012_val_00048981": "n03995372",
        "ILSVRC2012_val_00037956": "n03481172",
    }


@pytest.mark.parametrize(
    "text",
    [
        "image,class\na.jpg,cat\nb.png,dog\n",
        "file , label\r\na , cat\r\nsome/where/b.png,dog\r\n",
        '\ufeffimage,class\n"a.jpg",cat\nb,"dog"',
    ],
)
def test_a_plain_csv_gives_the_class_with_or_without_a_suffix(tmp_path: Path, text: str):
    assert labels_of(tmp_path, text) == {"a": "cat", "b": "dog"}


def test_the_ground_truth_numbers_the_images_in_the_order_of_their_names(tmp_path: Path):
    (tmp_path / "map_clsloc.txt").write_text(MAP)
    assert labels_of(tmp_path, "3\n1\n 1 \n", ["val_2", "val_3", "val_1"]) == {
        "val_1": "n02110185",
        "val_2": "n02119789",
        "val_3": "n02119789",
    }


def test_the_same_line_twice_is_harmless(tmp_path: Path):
    assert labels_of(tmp_path, "image,class\na,cat\na.jpg,cat\n") == {"a": "cat"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a b c\n", r"line 1 should be a header of two columns .* it is 'a b c'"),
        ("id,class,box\n", r"line 1 should be a header of two columns .* it is 'id,class,box'"),
        ("image,class\na,cat\nb\n", r"line 3 should be an image and its class, it is 'b'"),
        ("image,class\na,cat,dog\n", r"line 2 should be an image and its class, it is 'a,cat,dog'"),
        ("image,class\na,cat\n,dog\n", r"line 3 should be an image and its class, it is ',dog'"),
        ("image,class\na,\n", r"line 2 should be an image and its class, it is 'a,'"),
        ("image,class\na,cat\n\nb,dog\n", r"line 3 should be an image and its class, it is ''"),
        ('image,class\n"a,cat\nb,dog\n', r"line 2 should be an image and its class, it is '\"a,cat'"),
        ("image,class\na,cat\nb,dog\na.png,dog\n", "line 4 says that a is dog, a line before that it is cat"),
        (b"image,class\na,caf\xe9\n", r"labels\.txt should be text in UTF-8"),
        ("1\n2\nthree\n", r"line 3 should be a class number as line 1 is, it is 'three'"),
        ("1\n\n2\n", r"line 2 should be a class number as line 1 is, it is ''"),
        ("1\n-2\n", r"line 2 should be a class number as line 1 is, it is '-2'"),
        ("1\n2\n", r"has 2 class numbers for 3 images"),
        ("1\n9\n7\n", r"map_clsloc\.txt does not name the classes \[7, 9\]"),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, text: str | bytes, message: str):
    (tmp_path / "map_clsloc.txt").write_text(MAP)
    with pytest.raises(ValueError, match=message):
        labels_of(tmp_path, text, ["a", "b", "c"])


@pytest.mark.parametrize("line", ["n02100735", "n02100735 two", "2 n02100735", ""])
def test_a_mistake_in_the_class_map_is_told_with_its_line(tmp_path: Path, line: str):
    (tmp_path / "map_clsloc.txt").write_text(f"n02119789 1 kit_fox\n{line}\n")
    with pytest.raises(ValueError, match=rf"map_clsloc\.txt: line 2 should be 'wnid number name', it is '{line}'"):
        labels_of(tmp_path, "1\n", ["a"])


def test_a_ground_truth_without_its_class_map_says_where_it_comes_from(tmp_path: Path):
    with pytest.raises(
        ValueError, match=r"class numbers only; .*/map_clsloc\.txt should tell their wnids .* for Caffe"
    ):
        labels_of(tmp_path, "1\n", ["a"])
