from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import tasks.ops
from tasks.ops.pair_recipe import bad_side
from tasks.ops.pair_recipe_files import find_recipe, read_recipe, shipped_recipes

FOLDER = Path(str(tasks.ops.__file__)).parent / "pair_recipes"
FILES = sorted(FOLDER.glob("*.toml"))

MINE = """
name = "mine"  # a comment

[[defects]]
defect = "jpeg"
quality = [5, 50]
"""


def test_shipped_recipes_are_those_in_the_folder_in_alphabetical_order():
    assert list(shipped_recipes()) == [file.stem for file in FILES]
    names = ["cutout", "grey", "lesson", "numbers", "old-photo", "small-lesson", "superres-x4"]
    assert list(shipped_recipes()) == names
    assert all(recipe.name == name for name, recipe in shipped_recipes().items())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_says_what_it_is_for_and_what_it_does_not_teach(file: Path):
    comment = file.read_text(encoding="utf-8").split("name =")[0].replace("\n# ", " ")
    assert "For " in comment or "for " in comment
    assert "What a recipe leaves out, a model never learns to mend:" in comment


def test_they_are_installed_with_the_package():
    project = tomllib.loads((FOLDER.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["tasks.ops"]
    found = {file for pattern in patterns for file in FOLDER.parent.glob(pattern)}
    assert set(FILES) <= found


@pytest.mark.parametrize(
    ("name", "good", "bad"), [("lesson", 224, 96), ("superres-x4", 288, 72), ("old-photo", 224, 224)]
)
def test_their_bad_images_have_the_side_that_is_said(name: str, good: int, bad: int):
    assert bad_side(shipped_recipes()[name], good) == bad


def test_a_recipe_is_found_by_its_name_or_by_its_path(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    assert find_recipe("lesson") is shipped_recipes()["lesson"]
    assert find_recipe(str(path)) == read_recipe(path)
    assert read_recipe(path).defects[0].parameters.quality == (5, 50)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no recipe 'leson': take one of cutout, grey, lesson, .* or the path of a "):
        find_recipe("leson")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml"):
        find_recipe("nowhere.toml")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (MINE.replace("[5, 50]", "[5, 50").encode(), "is not TOML: Unclosed array"),
        (MINE.replace("a comment", "ü").encode("latin-1"), "is not TOML, which is UTF-8"),
        (MINE.replace("quality", "qualities").encode(), r", \[\[defects\]\] 1 \(jpeg\): there is no key 'qualities'"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_path(tmp_path: Path, content: bytes, told: str):
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{path}.*{told}"):
        read_recipe(path)
