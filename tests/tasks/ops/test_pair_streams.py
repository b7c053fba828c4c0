from __future__ import annotations

from itertools import combinations

import numpy as np
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ops.pair_streams import pair_seeds, stream, stream_keys

WORDS = st.integers(0, 2**64 - 1)
MASK = 2**64 - 1


def sfc64(seed: int, key: int, count: int) -> list[int]:
    """The outputs of SFC64 after PractRand's source: three words of seed, a counter from 1, twelve steps dropped."""
    a, b, c, counter = seed, key, 0x9E3779B97F4A7C15, 1
    outputs = []
    for _ in range(12 + count):
        output = a + b + counter & MASK
        counter = counter + 1 & MASK
        a = b ^ b >> 11
        b = c + (c << 3) & MASK
        c = ((c << 24 | c >> 40) & MASK) + output & MASK
        outputs.append(output)
    return outputs[12:]


@given(seed=WORDS, key=WORDS)
@settings(max_examples=30)
def test_a_stream_is_sfc64_from_the_two_numbers(seed: int, key: int):
    assert [int(word) for word in stream(seed, key).bit_generator.random_raw(5)] == sfc64(seed, key, 5)


def test_neighbouring_seeds_and_keys_draw_unlike_numbers():
    key = stream_keys(("jpeg",))[0]
    draws = [
        np.array([stream(row, key).random() for row in range(4000)]),
        np.array([stream(row, key + 1).random() for row in range(4000)]),
        np.array([stream(row + 1, key).random() for row in range(4000)]),
        np.array([stream(7, other).random() for other in range(4000)]),
    ]
    for numbers in draws:
        assert np.abs(np.histogram(numbers, 8, (0, 1))[0] - 500).max() < 100
        assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.06
    for one, other in combinations(draws, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


def test_a_stream_is_known_by_the_name_of_its_defect_and_how_many_came_before():
    def key_of(text: str) -> int:
        return int.from_bytes(blake3(text.encode()).digest()[:8], "big")

    assert stream_keys(("blur", "jpeg", "blur")) == (key_of("blur 0"), key_of("jpeg 0"), key_of("blur 1"))
    assert stream_keys(("jpeg", "blur")) == (key_of("jpeg 0"), key_of("blur 0"))


def test_seeds_of_rows_differ_from_row_to_row_and_from_recipe_to_recipe():
    ids = np.random.default_rng(0).integers(0, 2**64, 1000, dtype=np.uint64)
    seeds = {int(seed) for recipe in range(5) for seed in pair_seeds(ids, recipe)}
    assert len(seeds) == 5000
    assert int(pair_seeds(ids[17:18], 3)[0]) == int(pair_seeds(ids, 3)[17])
