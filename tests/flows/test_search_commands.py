"""`imagemill search`: by words without torch, by a picture with it, and what is wrong in one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from flows.command_line import app
from storage.durable import remove
from storage.tiers import Tiers
from tests.storage.stored_models import new_model, promoted, registered
from tests.tasks.ops.searchable import (
    CAT,
    COLOURS,
    DOG,
    EACH,
    INDEX,
    SIZE,
    Searchable,
    picture,
    published_searchable,
    register_model,
)

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def searchable(tmp_path_factory: pytest.TempPathFactory) -> Searchable:
    """Do not change it."""
    found = published_searchable(tmp_path_factory.mktemp("searchable"))
    folder = new_model(found.tiers.slow, "digits")
    promoted(folder, registered(folder))
    return found


def ended(searchable: Searchable, *arguments: object) -> Result:
    roots = ["--slow", str(searchable.tiers.slow), "--fast", str(searchable.tiers.fast)]
    return CliRunner().invoke(app, ["search", *map(str, arguments), *roots])


def test_what_a_word_finds_is_a_table_with_what_it_was_taken_for(searchable: Searchable):
    result = ended(searchable, "dogs", "--count", 6)
    assert (result.exit_code, result.stderr) == (0, "")
    told = [line.rstrip() for line in result.stdout.splitlines()]
    assert told[0] == "dogs: dog n00000020, a thing"
    near = searchable.noun_units[1] @ searchable.noun_units[2]
    assert told[1] == f"nearest classes: dog 1.00, cat {near:.2f}"
    assert told[2] == f"{EACH} of these 6 are of the class dog, unseen by the model, which has {EACH} rows"
    assert told[3] == "12 rows of photos, version 1, by devise@1"
    lines = [line for line in told if ".png" in line and "│" in line]
    assert len(lines) == 6
    assert all("█" in line and "dog" in line and "unseen" in line and f"{DOG}/" in line for line in lines[:EACH])
    assert told[-1] == "to see the pictures: the same command with -o sheet.png"


def test_a_machine_gets_all_of_it_as_json(searchable: Searchable, tmp_path: Path):
    result = ended(searchable, "cat", "dog", "--count", 9, "--json", "-o", tmp_path / "sheet.png")
    told = json.loads(result.stdout)
    assert (told["question"], told["sheet"]) == ("cat + dog", str(tmp_path / "sheet.png"))
    assert [one["sense"]["wnid"] for one in told["taken"]] == [CAT, DOG]
    assert [asked["hits"] for asked in told["asked"]] == [EACH, EACH]
    assert told["searched"] == {
        "dataset": "photos",
        "version": 1,
        "rows": EACH * len(COLOURS),
        "model": "devise",
        "model_version": 1,
        "index": INDEX,
        "index_version": 1,
    }
    cosines = [hit["cosine"] for hit in told["hits"]]
    assert cosines == sorted(cosines, reverse=True)
    assert len(cosines) == 9


def test_the_sheet_has_the_pictures_that_were_found(searchable: Searchable, tmp_path: Path):
    result = ended(searchable, "cat", "--count", EACH, "-o", tmp_path / "deep" / "sheet.png")
    assert f"{tmp_path / 'deep' / 'sheet.png'}: the {EACH} pictures" in result.stdout.replace("\n", "")
    with Image.open(tmp_path / "deep" / "sheet.png") as sheet:
        drawn = np.asarray(sheet.convert("RGB"), int)
    is_green = (drawn[..., 1] > drawn[..., 0] + 80) & (drawn[..., 1] > drawn[..., 2] + 80)
    assert is_green.sum() > 0.9 * EACH * 128**2
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sheet.png"]


def test_a_picture_finds_its_own_row_first_and_the_nouns_that_it_is_near(searchable: Searchable, tmp_path: Path):
    photo = searchable.source / DOG / "2.png"
    result = ended(searchable, "--image", photo, "--count", 5, "--nouns", 2, "-o", tmp_path / "sheet.png", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert (told["photo"], told["taken"]) == (str(photo), [])
    assert told["hits"][0]["path"] == f"{DOG}/2.png"
    assert told["hits"][0]["cosine"] == pytest.approx(1, abs=1e-5)
    vector = searchable.vectors_of(searchable.pictures)[told["hits"][0]["row"]]
    expected = sorted(searchable.noun_units @ vector, reverse=True)[:2]
    assert [noun["cosine"] for noun in told["nouns"]] == pytest.approx(expected, abs=1e-5)
    assert (told["nouns"][0]["wnid"], told["nouns"][0]["is_class"]) == (DOG, True)
    with Image.open(tmp_path / "sheet.png") as sheet:
        red, green, _ = np.asarray(sheet.convert("RGB"), int)[10:138, 10:138].mean(axis=(0, 1))
    assert red > green + 100


def test_a_picture_that_is_no_row_is_searched_with_too_and_classes_only_may_be_named(
    searchable: Searchable, tmp_path: Path
):
    picture(CAT, 99).resize((90, 70)).save(tmp_path / "cat.jpg", quality=95)
    result = ended(searchable, "--image", tmp_path / "cat.jpg", "--count", 4, "--classes-only")
    assert result.exit_code == 0
    nouns = [line for line in result.stdout.splitlines() if "class" in line and "n000000" in line]
    assert len(nouns) == 2
    assert "cat" in nouns[0]
    assert "dog" in nouns[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("domestic dgo",), "perhaps you meant: domestic_dog"),
        ((), "imagemill search 'golden retriever', or imagemill search --image photo.jpg; got neither"),
        (("dog", "--image", "x.png"), "got both"),
        (("dog", "-o", "sheet.jpg"), "sheet.jpg cannot be written: the sheet is a PNG"),
        (("dog", "--model", "nobody"), "has no model 'nobody'; it has: devise, digits. To make one: imagemill train"),
        (("dog", "--model", "digits"), "digits was trained by digits, which knows no words; search needs a model of"),
        (("dog", "--dataset", "paintings"), "paintings"),
        (("dog", "--words", "others"), "run: imagemill words --name others"),
        (("--image", "nothing.png"), "nothing.png is missing"),
        (("--image", str(REPOSITORY / "README.md")), "README.md is no picture to search with (unknown-format)"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(searchable: Searchable, arguments: tuple[str, ...], said: str):
    result = ended(searchable, *arguments)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert said in line


def test_without_words_or_a_promoted_model_it_is_told_what_to_run(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    new_model(searchable.tiers.slow, "fresh")
    assert "no version of the model 'fresh' is promoted" in ended(searchable, "dog", "--model", "fresh").stderr
    remove(searchable.tiers.authority("words").path)
    result = ended(searchable, "dog")
    assert result.exit_code == 2
    assert "the words that devise@1 learnt are not there" in result.stderr
    assert "imagemill words --name words" in result.stderr


def test_searching_by_words_starts_neither_torch_nor_prefect(searchable: Searchable, tmp_path: Path):
    tiers: Tiers = searchable.tiers
    program = (
        "import sys; from flows.command_line import app; "
        f"app(['search', 'dog', '--slow', {str(tiers.slow)!r}, '-o', {str(tmp_path / 's.png')!r}], "
        "standalone_mode=False); print(sorted({'torch', 'torchvision', 'prefect', 'gensim'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "s.png").exists()


def test_where_none_may_be_made_the_index_of_an_older_model_is_searched_with_a_warning(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    register_model(searchable, settings=f"size = {SIZE}\n")
    result = ended(searchable, "dog", "--count", 2, "--json", "--no-index")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["searched"]["model_version"] == 1
    (line,) = result.stderr.splitlines()
    assert "is of version 1 of photos by devise@1; wanted is version 1 by devise@2" in line
    assert "imagemill features photos --model devise@2" in line


def test_where_none_may_be_made_it_is_told_how_to_make_one(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    remove(searchable.tiers.authority(INDEX).path)
    result = ended(searchable, "dog", "--no-index")
    assert result.exit_code == 2
    assert "photos has no index by devise@1 yet. Make it: imagemill features photos --model devise@1" in result.stderr


@pytest.mark.slow
def test_a_missing_index_is_made_and_found_the_next_time(prefect_api: str, tmp_path: Path):
    searchable = published_searchable(tmp_path)
    expected = json.loads(ended(searchable, "dog", "--json").stdout)["hits"]
    remove(searchable.tiers.authority(INDEX).path)
    made = ended(searchable, "dog", "--json", "--device", "cpu")
    assert made.exit_code == 0
    assert "photos has no index by devise@1 yet; it is made first" in made.stderr
    hits = json.loads(made.stdout.splitlines()[-1])["hits"]
    assert [hit["row"] for hit in hits] == [hit["row"] for hit in expected]
    assert [hit["cosine"] for hit in hits] == pytest.approx([hit["cosine"] for hit in expected], abs=1e-5)
    again = ended(searchable, "cat")
    assert (again.exit_code, again.stderr) == (0, "")


def test_a_misspelt_word_and_a_damaged_picture_are_told_before_an_index_is_made(tmp_path: Path):
    searchable = published_searchable(tmp_path)
    remove(searchable.tiers.authority(INDEX).path)
    (tmp_path / "text.png").write_text("no picture")
    for arguments, said in ((["dgo"], "perhaps you meant: dog"), (["--image", tmp_path / "text.png"], "no picture")):
        result = ended(searchable, *arguments)
        assert result.exit_code == 2
        assert said in result.stderr
        assert "it is made first" not in result.stderr
