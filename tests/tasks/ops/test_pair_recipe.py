"""A bad image is a pure function of the good one, the row and the recipe."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ops.crappifiers.blur import Blur
from tasks.ops.crappifiers.catalogue import CRAPPIFIERS
from tasks.ops.crappifiers.cutout import Cutout
from tasks.ops.crappifiers.grey import Grey
from tasks.ops.crappifiers.jpeg import Jpeg
from tasks.ops.crappifiers.number import Number
from tasks.ops.crappifiers.shrink import Shrink
from tasks.ops.pair_recipe import PairRecipe, Step, bad_side, crappified
from tasks.ops.pair_recipe_files import shipped_recipes
from tasks.ops.pair_streams import pair_seeds
from tests.tasks.ops.crappifiers.pictures import SEEDS, noise, photo

SAME_SIZE = tuple(name for name in CRAPPIFIERS if name != "shrink")

IN_ANOTHER_PROCESS = """
import sys
import numpy as np
from blake3 import blake3
from tasks.ops.pair_recipe import crappified
from tasks.ops.pair_recipe_files import shipped_recipes

image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
for name in reversed(shipped_recipes()):
    bad = crappified(image, seed=int(sys.argv[1]), recipe=shipped_recipes()[name])
    print(name, blake3(bad.tobytes()).hexdigest())
"""


def recipe_of(*names: str) -> PairRecipe:
    return PairRecipe("test", tuple(Step(name, CRAPPIFIERS[name].parameters()) for name in names))


@pytest.mark.parametrize("name", shipped_recipes())
@given(seed=SEEDS, side=st.integers(24, 75).map(lambda quarter: 4 * quarter))
@settings(max_examples=8, deadline=None)
def test_a_bad_image_has_its_side_and_is_made_anew_from_its_row_alone(name: str, seed: int, side: int):
    recipe, image = shipped_recipes()[name], noise(side, side)
    bad = crappified(image, seed=seed, recipe=recipe)
    assert bad.shape == (bad_side(recipe, side),) * 2 + (3,)
    assert bad.dtype == np.uint8
    assert bad.flags.writeable
    assert not np.shares_memory(bad, image)
    assert np.array_equal(bad, crappified(image.copy(), seed=seed, recipe=recipe))


@pytest.mark.parametrize("name", shipped_recipes())
def test_any_row_alone_gives_the_bytes_it_has_in_a_batch(name: str):
    recipe = shipped_recipes()[name]
    ids = np.random.default_rng(1).integers(0, 2**64, 12, dtype=np.uint64)
    images = [noise(96, 96, seed=number) for number in range(12)]
    batch = [
        crappified(image, seed=int(seed), recipe=recipe)
        for image, seed in zip(images, pair_seeds(ids, recipe.seed), strict=True)
    ]
    for row in (11, 3, 7):
        alone = int(pair_seeds(ids[row : row + 1], recipe.seed)[0])
        assert np.array_equal(crappified(images[row], seed=alone, recipe=recipe), batch[row])


def test_another_process_gives_the_same_bytes():
    seed = 2**63 + 12345
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(seed)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    theirs = dict(line.split() for line in answer.stdout.splitlines())
    image = noise(96, 96)
    for name, recipe in shipped_recipes().items():
        assert theirs.pop(name) == blake3(crappified(image, seed=seed, recipe=recipe).tobytes()).hexdigest(), name
    assert not theirs


def test_rows_differ_and_so_do_recipes_with_other_seeds():
    image = photo(64)
    bad = [crappified(image, seed=seed, recipe=recipe_of("cutout")) for seed in range(10)]
    assert len({each.tobytes() for each in bad}) == 10
    row = np.array([5], np.uint64)
    assert pair_seeds(row, 0) != pair_seeds(row, 1)


def test_what_a_defect_draws_does_not_depend_on_which_others_there_are():
    image = photo(48)
    alone = {name: recipe_of(name) for name in SAME_SIZE}
    first_done = {name: crappified(image, seed=9, recipe=recipe) for name, recipe in alone.items()}
    for first, second in permutations(SAME_SIZE, 2):
        both = crappified(image, seed=9, recipe=recipe_of(first, second))
        in_turn = crappified(first_done[first], seed=9, recipe=alone[second])
        assert np.array_equal(both, in_turn), (first, second)


def test_the_same_defect_twice_draws_twice():
    image, squares = noise(100, 100, low=1, high=127), Cutout((1, 1), (0.1, 0.1))
    twice = PairRecipe("twice", (Step("cutout", squares), Step("cutout", squares)))
    gone = [(crappified(image, seed=seed, recipe=twice) != image).any(axis=2).sum() for seed in range(20)]
    assert max(gone) == 200


def test_a_probability_is_the_share_of_rows_and_changes_no_draw():
    image = noise(20, 20, low=1, high=127)
    recipes = {p: PairRecipe("some", (Step("cutout", Cutout(), p),)) for p in (0.0, 0.3, 1.0)}
    counts = dict.fromkeys(recipes, 0)
    for seed in pair_seeds(np.arange(1000, dtype=np.uint64), 0).tolist():
        always = crappified(image, seed=seed, recipe=recipes[1.0])
        for probability, recipe in recipes.items():
            bad = crappified(image, seed=seed, recipe=recipe)
            if np.array_equal(bad, image):
                assert not np.shares_memory(bad, image)
                continue
            counts[probability] += 1
            assert np.array_equal(bad, always)
    assert counts[0.0] == 0
    assert counts[1.0] == 1000
    assert 250 < counts[0.3] < 350


def test_defects_come_in_the_order_of_the_recipe():
    image = photo(64)
    grey_last = crappified(image, seed=0, recipe=recipe_of("colour-cast", "grey"))
    assert (grey_last[:, :, 0] == grey_last[:, :, 2]).all()
    grey_first = crappified(image, seed=0, recipe=recipe_of("grey", "colour-cast"))
    assert (grey_first[:, :, 0] != grey_first[:, :, 2]).any()


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((8, 9, 3), np.uint8), r"\(side, side, 3\) uint8, got \(8, 9, 3\) uint8"),
        (np.zeros((8, 8), np.uint8), r"got \(8, 8\) uint8"),
        (np.zeros((8, 8, 4), np.uint8), r"got \(8, 8, 4\) uint8"),
        (np.zeros((8, 8, 3), np.float32), r"got \(8, 8, 3\) float32"),
    ],
)
def test_what_is_no_square_of_rgb_is_refused(image: np.ndarray, told: str):
    with pytest.raises(ValueError, match=told):
        crappified(image, seed=0, recipe=recipe_of("grey"))


@pytest.mark.parametrize(
    ("steps", "stated", "good", "side"),
    [
        ((Step("grey", Grey()),), "same", 224, 224),
        ((Step("shrink", Shrink(96)),), 96, 224, 96),
        ((Step("shrink", Shrink("1/4")),), "1/4", 288, 72),
        ((Step("shrink", Shrink("1/4")),), 72, 288, 72),
        ((Step("shrink", Shrink(72)), Step("blur", Blur())), "1/4", 288, 72),
        ((Step("shrink", Shrink("1/2")), Step("shrink", Shrink("1/2"))), "1/4", 288, 72),
        ((Step("shrink", Shrink(96, enlarge="bicubic")),), "same", 224, 224),
        ((Step("shrink", Shrink(96)),), 96, 96, 96),
    ],
)
def test_the_side_of_bad_images_is_known_beforehand(steps: tuple[Step, ...], stated: int | str, good: int, side: int):
    recipe = PairRecipe("test", steps, bad_side=stated)
    assert bad_side(recipe, good) == side
    assert crappified(noise(good, good), seed=0, recipe=recipe).shape == (side, side, 3)


@pytest.mark.parametrize(
    ("steps", "stated", "good", "told"),
    [
        ((Step("grey", Grey()),), 96, 224, "leaves 224 px of good images of 224 px, but its bad_side 96 says 96 px"),
        ((Step("shrink", Shrink(96)),), "same", 224, "leaves 96 px .* 'same' says 224 px: let both agree"),
        ((Step("shrink", Shrink(96)),), 96, 64, "bad images of 96 px where there are only 64 px: take good images"),
        ((Step("shrink", Shrink("1/4")),), "1/4", 226, "1/4 of 226 px, .* let the side .* be a multiple of 4"),
        ((Step("shrink", Shrink(100, enlarge="bilinear")),), "same", 64, "100 px where there are only 64 px"),
    ],
)
def test_a_recipe_that_does_not_fit_the_good_images_says_what_would(
    steps: tuple[Step, ...], stated: int | str, good: int, told: str
):
    recipe = PairRecipe("test", steps, bad_side=stated)
    with pytest.raises(ValueError, match=f"^recipe test .*{told}"):
        bad_side(recipe, good)
    with pytest.raises(ValueError, match=told):
        crappified(noise(good, good), seed=0, recipe=recipe)


def test_mistaken_steps_are_named():
    with pytest.raises(ValueError, match=r"^defect must be one of shrink, jpeg, .*, colour-cast, got 'jpg'$"):
        Step("jpg", Jpeg())
    with pytest.raises(ValueError, match=r"^probability must be within 0 to 1, got 1.5$"):
        Step("jpeg", Jpeg(), 1.5)
    with pytest.raises(ValueError, match="probability must be within 0 to 1, got nan"):
        Step("jpeg", Jpeg(), float("nan"))
    with pytest.raises(TypeError, match=r"^parameters of jpeg must be Jpeg, got Number$"):
        Step("jpeg", Number())
    with pytest.raises(ValueError, match=r"must have probability 1, .* set enlarge .* leave out probability = 0.5"):
        Step("shrink", Shrink(96), 0.5)


def test_mistaken_recipes_are_named():
    steps = (Step("grey", Grey()),)
    with pytest.raises(ValueError, match="name must be made of small letters, digits and hyphens, got 'My recipe'"):
        PairRecipe("My recipe", steps)
    with pytest.raises(ValueError, match="recipe empty has no defects: list at least one of shrink, jpeg"):
        PairRecipe("empty", ())
    with pytest.raises(ValueError, match=r'bad_side, if not "same", must be 1 to 8192 pixels, or a part .* got 0'):
        PairRecipe("test", steps, bad_side=0)
    with pytest.raises(ValueError, match=r"seed must be within 0 to 2\^63 - 1, got -1"):
        PairRecipe("test", steps, seed=-1)


def test_a_shrink_that_enlarges_again_may_be_left_out_now_and_then():
    recipe = PairRecipe("soft", (Step("shrink", Shrink("1/2", enlarge="bilinear"), 0.5),))
    assert {crappified(noise(32, 32), seed=seed, recipe=recipe).shape for seed in range(20)} == {(32, 32, 3)}
