"""Recipes as tables: what is wrong is named with its place, and equal recipes have one canonical form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from blake3 import blake3

from tasks.ops.crappifiers.blur import Blur
from tasks.ops.crappifiers.catalogue import CRAPPIFIERS, REVISION
from tasks.ops.crappifiers.jpeg import Jpeg
from tasks.ops.crappifiers.shrink import Shrink
from tasks.ops.pair_recipe import PairRecipe, Step
from tasks.ops.pair_recipe_files import shipped_recipes
from tasks.ops.pair_recipe_tables import (
    canonical_form,
    recipe_fingerprint,
    recipe_from_canonical,
    recipe_of,
    table_of,
)


def read(**changes: Any) -> PairRecipe:
    table = {"name": "mine", "defects": [{"defect": "jpeg"}]} | changes
    return recipe_of({key: value for key, value in table.items() if value is not None}, source="mine.toml")


def read_step(**table: Any) -> PairRecipe:
    return read(defects=[{"defect": "grey"}, table])


def test_what_is_not_said_takes_its_default():
    assert read() == PairRecipe("mine", (Step("jpeg", Jpeg()),), "same", 0)


def test_all_that_is_said_is_taken():
    table = {"defect": "shrink", "side": "1/4", "interpolation": "bicubic"}
    blur = {"defect": "blur", "probability": 1, "radius": [1, 2.5]}
    recipe = read(bad_side="1/4", seed=7, defects=[table, blur])
    assert recipe.defects == (Step("shrink", Shrink("1/4", "bicubic")), Step("blur", Blur((1.0, 2.5)), 1.0))
    assert (recipe.bad_side, recipe.seed) == ("1/4", 7)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nmae": "x"}, "there is no key 'nmae'; known are name, bad_side, seed, defects"),
        ({"name": None}, "the key name is missing; it takes text"),
        ({"defects": None}, r"the key defects is missing; it takes tables, each below a line \[\[defects\]\]"),
        ({"defects": {"jpeg": 1}}, r"key defects: tables, each below a line \[\[defects\]\], expected, got \{'jpeg'"),
        ({"defects": []}, "recipe mine has no defects"),
        ({"name": 5}, "key name: text expected, got 5"),
        ({"name": "../x"}, "name must be made of small letters"),
        ({"seed": "1"}, "key seed: a whole number expected, got '1'"),
        ({"seed": True}, "key seed: a whole number expected, got True"),
        ({"bad_side": 96.5}, "key bad_side: a whole number or text expected, got 96.5"),
        ({"bad_side": "small"}, "bad_side, if not \"same\", must be 1 to 8192 pixels, or a part .* got 'small'"),
    ],
)
def test_a_mistake_at_the_top_is_named_with_the_file(changes: dict[str, Any], told: str):
    with pytest.raises(ValueError, match=rf"^mine\.toml, top level(: |, ){told}"):
        read(**changes)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"defect": "jpg"}, r", key defect: one of shrink, jpeg, .* expected, got 'jpg'"),
        ({"defect": ["jpeg"]}, r", key defect: one of shrink, jpeg, .* expected, got \['jpeg'\]"),
        ({"quality": [1, 2]}, r", key defect: one of shrink, .* expected, got None"),
        ({"defect": "jpeg", "qualty": [1, 2]}, r" \(jpeg\): there is no key 'qualty'; known are .*, quality$"),
        (
            {"defect": "jpeg", "quality": 10},
            r" \(jpeg\), key quality: two whole numbers \[lowest, highest\] .* got 10",
        ),
        ({"defect": "jpeg", "quality": [10, 20, 30]}, r" \(jpeg\), key quality: two whole .* got \[10, 20, 30\]"),
        ({"defect": "jpeg", "quality": [10.5, 20]}, r" \(jpeg\), key quality: two whole .* got \[10.5, 20\]"),
        ({"defect": "jpeg", "quality": [70, 10]}, r" \(jpeg\): quality must be \[lowest, highest\] .* got \[70, 10\]"),
        ({"defect": "blur", "radius": ["1", 2]}, r" \(blur\), key radius: two numbers .* got \['1', 2\]"),
        ({"defect": "blur", "radius": [float("nan"), 2.0]}, r" \(blur\): radius must be .* got \[nan, 2.0\]"),
        ({"defect": "blur", "probability": 2}, r" \(blur\): probability must be within 0 to 1, got 2"),
        ({"defect": "blur", "probability": "often"}, r" \(blur\), key probability: a number expected, got 'often'"),
        ({"defect": "shrink"}, r" \(shrink\): the key side is missing; it takes a whole number or text"),
        ({"defect": "shrink", "side": 9, "interpolation": "nearest"}, r" \(shrink\): interpolation must be one of bil"),
        ({"defect": "cutout", "fill": "red"}, r" \(cutout\): fill must be one of grey, black, white, got 'red'"),
    ],
)
def test_a_mistake_in_a_defect_is_named_with_its_number(step: dict[str, Any], told: str):
    with pytest.raises(ValueError, match=rf"^mine\.toml, \[\[defects\]\] 2{told}"):
        read_step(**step)


def test_the_canonical_form_has_every_default_in_sorted_order_and_no_name():
    form = canonical_form(read())
    assert form == (
        '{"bad_side":"same","defects":[{"defect":"jpeg","probability":1.0,"quality":[10,70]}],'
        f'"revision":{REVISION},"seed":0}}'
    )
    assert recipe_fingerprint(read()) == blake3(form.encode()).hexdigest()


def test_equal_recipes_have_one_form_however_they_were_written():
    written = [
        read(name="a", defects=[{"defect": "blur"}]),
        read(name="b", defects=[{"radius": [0.5, 2], "probability": 1, "defect": "blur"}], bad_side="same", seed=0),
        PairRecipe("c", (Step("blur", Blur((0.5, 2)), 1),)),
    ]
    assert len({canonical_form(recipe) for recipe in written}) == 1
    assert len({recipe_fingerprint(recipe) for recipe in written}) == 1


def test_whatever_changes_a_pixel_changes_the_fingerprint():
    steps = (Step("jpeg", Jpeg()), Step("blur", Blur()))
    recipe = PairRecipe("one", steps)
    others = [
        replace(recipe, seed=1),
        replace(recipe, defects=steps[::-1]),
        replace(recipe, defects=steps[:1]),
        replace(recipe, defects=(steps[0], Step("blur", Blur(), 0.9))),
        replace(recipe, defects=(Step("jpeg", Jpeg((10, 71))), steps[1])),
        replace(recipe, bad_side="1/2"),
    ]
    prints = {recipe_fingerprint(each) for each in (recipe, *others)}
    assert len(prints) == 7


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_recipe_comes_back_from_its_table_and_from_its_canonical_form(name: str):
    recipe = shipped_recipes()[name]
    assert recipe_of(json.loads(json.dumps(table_of(recipe))), source="again") == recipe
    assert recipe_from_canonical(canonical_form(recipe), name=name) == recipe


@pytest.mark.parametrize("name", CRAPPIFIERS)
def test_every_key_of_every_defect_can_be_written_and_read(name: str):
    recipe = read(defects=[{"defect": name, **({"side": 12} if name == "shrink" else {})}])
    assert recipe_of(table_of(recipe), source="again") == recipe


@pytest.mark.parametrize("form", ['{"defects":[{"defect":"grey"}]}', '{"revision":0,"defects":[]}', "[]"])
def test_a_form_of_other_defects_than_these_is_refused(form: str):
    with pytest.raises(ValueError, match=f"recipe old was made for revision (None|0) .* this is revision {REVISION}"):
        recipe_from_canonical(form, name="old")
