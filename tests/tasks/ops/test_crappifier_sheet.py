"""The picture in the docs, and that docs/pairs.md leaves nothing out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.ops.crappifier_sheet import COLUMNS, crappifier_sheet
from tasks.ops.crappifiers.catalogue import CRAPPIFIERS
from tasks.ops.pair_recipe import bad_side
from tasks.ops.pair_recipe_files import parsed_recipe, shipped_recipes
from tests.tasks.ops.crappifiers.pictures import noise, photo

DOCS = Path(__file__).parents[3] / "docs"
PICTURE = DOCS / "images" / "crappifiers.jpg"
SEED_OF_PICTURE = 15352
SIDE_OF_PICTURE = 192


def section(heading: str) -> str:
    """The text below a heading of docs/pairs.md, up to the next one."""
    return (DOCS / "pairs.md").read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n#")[0]


def test_the_sheet_has_a_tile_for_the_good_image_each_defect_and_each_recipe():
    sheet = crappifier_sheet(noise(96, 96), seed=0)
    rows = -(-(1 + len(CRAPPIFIERS) + len(shipped_recipes())) // COLUMNS)
    assert sheet.width > COLUMNS * 96
    assert sheet.height > rows * 96


def test_the_stored_picture_is_small_and_shows_what_is_drawn_today():
    assert PICTURE.stat().st_size < 200_000
    drawn = crappifier_sheet(photo(SIDE_OF_PICTURE), seed=SEED_OF_PICTURE)
    with Image.open(PICTURE) as image:
        stored = np.asarray(image.convert("RGB"), np.float64)
    assert stored.shape == (drawn.height, drawn.width, 3)
    # JPEG alone changes noisy tiles by some levels; anything drawn elsewhere changes whole tiles.
    difference = Image.fromarray(np.abs(stored - np.asarray(drawn)).astype(np.uint8)).reduce(8)
    assert np.asarray(difference).max() < 40, "draw it anew: docs/pairs.md says how"


@pytest.mark.parametrize("name", CRAPPIFIERS)
def test_each_defect_is_described_with_its_parameters_and_their_defaults(name: str):
    text = section(f"### `{name}`")
    for field in dataclasses.fields(CRAPPIFIERS[name].parameters):
        assert f"`{field.name}`" in text
        if field.default is not dataclasses.MISSING:
            default = list(field.default) if isinstance(field.default, tuple) else f'"{field.default}"'
            assert f"`{default}`" in text, field.name


@pytest.mark.parametrize("name", shipped_recipes())
def test_each_shipped_recipe_is_described_with_its_defects(name: str):
    rows = [line for line in section("## Shipped recipes").splitlines() if line.startswith(f"| `{name}`")]
    assert len(rows) == 1
    for step in shipped_recipes()[name].defects:
        assert f"`{step.defect}`" in rows[0]


def test_the_example_is_a_valid_recipe():
    example = (DOCS / "pairs.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    recipe = parsed_recipe(example, source="docs/pairs.md")
    assert [step.defect for step in recipe.defects] == ["shrink", "jpeg"]
    assert bad_side(recipe, 128) == 128
