"""Reads the labels of a flat folder: Kaggle's CSV, a plain CSV, or the ILSVRC ground-truth text."""

from __future__ import annotations

import csv
from pathlib import Path

CLASS_MAP = "map_clsloc.txt"
"""The devkit's map of class numbers, lines of `n02119789 1 kit_fox`; looked for beside the ground truth."""


def read_labels(path: Path, image_stems: list[str]) -> dict[str, str]:
    """Return the class of each image, by file name without suffix.

    `image_stems` are needed for the ground-truth text only, which has a number a line for the images in the
    order of their names.

    Raises:
        ValueError: the file is of none of the three kinds, or a line of it is wrong; the message names the line.
    """
    lines = _lines(path)
    if not lines:
        raise ValueError(f"{path} is empty")
    if lines[0].strip().isdecimal():
        return _ground_truth(path, lines, sorted(image_stems))
    header = [field.strip().lower() for field in lines[0].split(",")]
    if len(header) != 2:
        raise ValueError(
            f"{path}: line 1 should be a header of two columns (ImageId,PredictionString as on Kaggle, or "
            f"image,class), or every line a class number; it is {lines[0][:80]!r}"
        )
    classes: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        stem, class_name = _csv_row(path, number, line)
        if classes.setdefault(stem, class_name) != class_name:
            raise ValueError(
                f"{path}: line {number} says that {stem} is {class_name}, a line before that it is {classes[stem]}"
            )
    return classes


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file, without the mark that some editors put in front."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} should be text in UTF-8: {error}") from error


def _csv_row(path: Path, number: int, line: str) -> tuple[str, str]:
    """Kaggle writes `ILSVRC2012_val_00048981,n03995372 85 1 499 272`: the class, then its boxes."""
    # One line at a time: an open quote would swallow those that follow.
    row = next(csv.reader([line]), [])
    if len(row) != 2 or not row[0].strip() or not row[1].split():
        raise ValueError(f"{path}: line {number} should be an image and its class, it is {line[:80]!r}")
    return Path(row[0].strip()).stem, row[1].split()[0]


def _ground_truth(path: Path, lines: list[str], stems: list[str]) -> dict[str, str]:
    wrong = next((number for number, line in enumerate(lines, start=1) if not line.strip().isdecimal()), None)
    if wrong is not None:
        raise ValueError(f"{path}: line {wrong} should be a class number as line 1 is, it is {lines[wrong - 1][:80]!r}")
    if len(lines) != len(stems):
        raise ValueError(f"{path} has {len(lines)} class numbers for {len(stems)} images")
    names = _class_names(path.with_name(CLASS_MAP))
    numbers = [int(line) for line in lines]
    unknown = sorted(set(numbers) - set(names))
    if unknown:
        raise ValueError(f"{path.with_name(CLASS_MAP)} does not name the classes {unknown[:5]}")
    return {stem: names[number] for stem, number in zip(stems, numbers, strict=True)}


def _class_names(path: Path) -> dict[int, str]:
    if not path.is_file():
        raise ValueError(
            f"the ground truth has class numbers only; {path} should tell their wnids "
            "(lines such as 'n02119789 1 kit_fox', it comes with the ILSVRC development kit for Caffe)"
        )
    names = {}
    for number, line in enumerate(_lines(path), start=1):
        fields = line.split()
        if len(fields) < 2 or not fields[1].isdecimal():
            raise ValueError(f"{path}: line {number} should be 'wnid number name', it is {line[:80]!r}")
        names[int(fields[1])] = fields[0]
    return names
