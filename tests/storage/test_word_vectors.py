"""Stored word vectors: what went in comes out, the first of equals wins, and damage never gives a wrong row."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import DamagedDataset
from storage.word_vector_files import COUNTS, ENDS, EXACT, LOWER, VECTORS, WORDS
from storage.word_vectors import create_word_vectors, open_word_vectors
from tests.storage.stored_words import DIMENSIONS, stored, vectors_of

FILES = (VECTORS, WORDS, ENDS, EXACT, LOWER, COUNTS)

BYTES = st.binary(max_size=12).map(lambda word: word.replace(b"\n", b"").decode("utf-8", "surrogateescape"))
# Letters whose lower case is longer, depends on what is around them, or is not that of their upper case.
TEXT = st.text(st.sampled_from("aAbBéÉ\u03c3ςΣßẞ\u0131İǅ_-' \r\0\x85\u2028"), max_size=6)


@given(st.lists(BYTES | TEXT, max_size=12), st.integers(1, 5))
def test_words_come_back_with_their_row_and_the_first_of_equals_wins(words: list[str], per_block: int):
    with tempfile.TemporaryDirectory() as folder:
        found = stored(Path(folder) / "words", words, per_block=per_block)
    assert len(found) == len(words)
    assert [found.word(row) for row in range(len(words))] == words
    assert [found.row(word) for word in words] == [words.index(word) for word in words]
    lowered = [word.lower() for word in words]
    assert [found.row_of_lower(word) for word in words] == [lowered.index(word) for word in lowered]
    assert [found.row_of_lower(word.upper()) for word in words] == [
        lowered.index(again) if (again := word.upper().lower()) in lowered else None for word in words
    ]
    np.testing.assert_array_equal(found.vectors, vectors_of(words))


def test_what_is_not_there_has_no_row(tmp_path: Path):
    found = stored(tmp_path / "words", ["dog", "Dog", "dogs", ""])
    assert found.dimensions == DIMENSIONS
    assert [found.row(word) for word in ("cat", "DOG", "do", "dog\n", "\ud800", "dog\ndog")] == [None] * 6
    assert [found.row_of_lower(word) for word in ("DOG", "dOgS", "cat", "", "\ud800")] == [0, 2, None, 3, None]
    assert "dog" in found
    assert "DOG" not in found
    assert 3 not in found
    for row in (-1, 4):
        with pytest.raises(IndexError, match=f"has rows 0 to 3, and no row {row}"):
            found.word(row)


def test_words_with_the_same_checksum_are_told_apart(tmp_path: Path):
    # CRC-32 of both is 0x4DDB0C25, a collision known from tables of them.
    words = ["plumless", "buckeroo"]
    found = stored(tmp_path / "words", words)
    assert [found.row(word) for word in words] == [0, 1]
    assert [found.row_of_lower(word.upper()) for word in words] == [0, 1]


def test_counts_are_kept(tmp_path: Path):
    found = stored(tmp_path / "words", ["a", "b", "c", "d"], counted=True)
    assert found.counts is not None
    assert found.counts.tolist() == [4, 3, 2, 1]
    assert stored(tmp_path / "others", ["a"]).counts is None


def test_200000_words_are_opened_in_a_moment_and_found(tmp_path: Path):
    words = [f"Phrase_{i}_é" for i in range(200_000)]
    with create_word_vectors(tmp_path / "words", dimensions=1) as writer:
        writer.append(words, np.arange(200_000, dtype=np.float32)[:, None])
    started = time.process_time()
    found = open_word_vectors(tmp_path / "words")
    assert time.process_time() - started < 0.1
    for row in range(0, 200_000, 97):
        assert found.row(words[row]) == found.row_of_lower(words[row].upper()) == row == found.vectors[row, 0]


# ---- Damage

SOME = ["dog", "Dog", "DOG", "cat", "größe", "Größe", "a_b", "a-b", "zebra", "cat"]


def answers(folder: Path) -> list[object]:
    """Return what a reader learns: rows of words and words of rows, None where it says there is none or damage."""
    try:
        found = open_word_vectors(folder)
    except DamagedDataset:
        return []
    learnt: list[object] = []
    asked = [*((found.row, word) for word in [*SOME, "absent"]), *((found.row_of_lower, word) for word in SOME)]
    for ask, what in [*asked, *((found.word, row) for row in range(len(found)))]:
        try:
            learnt.append(ask(what))
        except DamagedDataset:
            learnt.append(None)
    return learnt


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_lengthened_or_missing_is_damage(name: str, tmp_path: Path):
    stored(tmp_path / "words", SOME, counted=True)
    path = tmp_path / "words" / name
    sound = path.read_bytes()
    for content in (b"", sound[: len(sound) // 2], sound[:-1], sound + b"\0", sound + sound):
        path.write_bytes(content)
        with pytest.raises(DamagedDataset, match=r"has|is damaged"):
            open_word_vectors(tmp_path / "words")
    path.unlink()
    if name != COUNTS:
        with pytest.raises(DamagedDataset, match="is missing"):
            open_word_vectors(tmp_path / "words")


def test_files_of_different_words_do_not_go_together(tmp_path: Path):
    for name, words in (("one", SOME), ("other", SOME[:-1])):
        stored(tmp_path / name, words, counted=True)
    for name in FILES:
        path = tmp_path / "other" / name
        kept = path.read_bytes()
        path.write_bytes((tmp_path / "one" / name).read_bytes())
        with pytest.raises(DamagedDataset, match="is damaged: it has"):
            open_word_vectors(tmp_path / "other")
        path.write_bytes(kept)


# Each fifth bit is each place in a byte in turn.
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [WORDS, ENDS, EXACT, LOWER])
def test_a_flipped_bit_anywhere_in_the_index_gives_the_right_answer_or_none(name: str, step: int, tmp_path: Path):
    stored(tmp_path / "words", SOME)
    right = answers(tmp_path / "words")
    assert None not in right[: len(SOME)]
    path = tmp_path / "words" / name
    sound = path.read_bytes()
    spoilt = 0
    for bit in range(0, 8 * len(sound), step):
        content = bytearray(sound)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        for found, wanted in zip(answers(tmp_path / "words"), right, strict=False):
            assert found in (None, wanted)
            spoilt += found is None
    assert spoilt > 0


@pytest.mark.parametrize("seed", range(4))
def test_many_random_bytes_in_the_index_give_the_right_answer_or_none(seed: int, tmp_path: Path):
    random = Random(seed)
    stored(tmp_path / "words", SOME)
    right = answers(tmp_path / "words")
    sound = {name: (tmp_path / "words" / name).read_bytes() for name in (WORDS, ENDS, EXACT, LOWER)}
    for _ in range(100):
        for name, whole in sound.items():
            content = bytearray(whole)
            for _ in range(random.randrange(3)):
                content[random.randrange(len(content))] = random.randrange(256)
            (tmp_path / "words" / name).write_bytes(content)
        for found, wanted in zip(answers(tmp_path / "words"), right, strict=False):
            assert found in (None, wanted)
