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
from storage.word_vectors import (
    COUNTS,
    ENDS,
    EXACT,
    LOWER,
    MOST_WORD_BYTES,
    VECTORS,
    WORDS,
    WordVectors,
    WordVectorWriter,
    create_word_vectors,
    open_word_vectors,
)

DIMENSIONS = 3
FILES = (VECTORS, WORDS, ENDS, EXACT, LOWER, COUNTS)


def vectors_of(words: list[str], *, first: int = 0) -> np.ndarray:
    numbers = np.arange(first * DIMENSIONS, (first + len(words)) * DIMENSIONS)
    return numbers.reshape(-1, DIMENSIONS).astype(np.float32)


def stored(folder: Path, words: list[str], *, per_block: int = 3, counted: bool = False) -> WordVectors:
    with create_word_vectors(folder, dimensions=DIMENSIONS) as writer:
        for first in range(0, len(words), per_block):
            block = words[first : first + per_block]
            counts = np.arange(len(words), 0, -1)[first : first + per_block] if counted else None
            writer.append(block, vectors_of(block, first=first), counts=counts)
    assert {path.name for path in writer.files} == {path.name for path in folder.iterdir()}
    return open_word_vectors(folder)


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


def test_numpy_alone_reads_every_file(tmp_path: Path):
    words = ["dog", "Émile", "東京", "dog"]
    stored(tmp_path / "words", words, counted=True)
    read = {name: np.load(tmp_path / "words" / name, mmap_mode="r") for name in FILES if name.endswith(".npy")}
    np.testing.assert_array_equal(read[VECTORS], vectors_of(words))
    content = (tmp_path / "words" / WORDS).read_bytes()
    assert content.decode().split("\n") == [*words, ""]
    assert [content[end : end + 1] for end in read[ENDS]] == [b"\n"] * 4
    for table in (read[EXACT], read[LOWER]):
        assert sorted(table[1].tolist()) == [0, 1, 2, 3]
        assert table[0].tolist() == sorted(table[0].tolist())


def test_the_same_words_make_the_same_bytes_in_whatever_blocks_they_come(tmp_path: Path):
    words = [f"word{i}" for i in range(20)]
    for name, per_block in (("one", 1), ("other", 7)):
        stored(tmp_path / name, words, per_block=per_block, counted=True)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_200000_words_are_opened_in_a_moment_and_found(tmp_path: Path):
    words = [f"Phrase_{i}_é" for i in range(200_000)]
    with create_word_vectors(tmp_path / "words", dimensions=1) as writer:
        writer.append(words, np.arange(200_000, dtype=np.float32)[:, None])
    started = time.process_time()
    found = open_word_vectors(tmp_path / "words")
    assert time.process_time() - started < 0.1
    for row in range(0, 200_000, 97):
        assert found.row(words[row]) == found.row_of_lower(words[row].upper()) == row == found.vectors[row, 0]


# ---- What is refused


def raise_after_some(writer: WordVectorWriter) -> None:
    writer.append(["dog"], vectors_of(["dog"]))
    raise RuntimeError("disk on fire")


def test_failed_write_leaves_nothing_behind_and_a_folder_that_is_there_is_kept(tmp_path: Path):
    with (
        pytest.raises(RuntimeError, match="disk on fire"),
        create_word_vectors(tmp_path / "words", dimensions=DIMENSIONS) as writer,
    ):
        raise_after_some(writer)
    assert list(tmp_path.iterdir()) == []
    stored(tmp_path / "words", ["dog"])
    with pytest.raises(FileExistsError), create_word_vectors(tmp_path / "words", dimensions=1):
        pass
    assert open_word_vectors(tmp_path / "words").row("dog") == 0


REFUSED = {
    "a line feed": (["a", "b\nc"], 2, None, r"no line feed .* as 'b\\nc' does"),
    "a surrogate": (["a", "\ud800"], 2, None, r"no lone surrogate that stands for no byte, as '\\ud800' does"),
    "a long word": (["a", "b" * (MOST_WORD_BYTES + 1)], 2, None, "may take 4,096 bytes, and 'bbb.*… takes 4,097"),
    "too few vectors": (["a", "b"], 1, None, r"expected vectors of shape \(2, 3\) for 2 words, got \(1, 3\)"),
    "too few counts": (["a", "b"], 2, [1], r"expected 2 counts from 0 up, got an array of shape \(1,\)"),
    "a negative count": (["a", "b"], 2, [1, -1], "expected 2 counts from 0 up"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_stored_is_refused_and_named(what: str, tmp_path: Path):
    words, rows, counts, said = REFUSED[what]
    with (
        pytest.raises(ValueError, match=said),
        create_word_vectors(tmp_path / "words", dimensions=DIMENSIONS) as writer,
    ):
        writer.append(words, np.zeros((rows, 3), np.float32), counts=None if counts is None else np.array(counts))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("counts", [[None, np.ones(1, int)], [np.ones(1, int), None]])
def test_counts_come_for_all_words_or_for_none(counts: list[np.ndarray | None], tmp_path: Path):
    with (
        pytest.raises(ValueError, match="counts for all words or for none; from word 1 on it is otherwise"),
        create_word_vectors(tmp_path / "words", dimensions=DIMENSIONS) as writer,
    ):
        [writer.append(["a"], vectors_of(["a"]), counts=some) for some in counts]


def test_vectors_have_a_dimension(tmp_path: Path):
    with (
        pytest.raises(ValueError, match="at least 1 dimension, got 0"),
        create_word_vectors(tmp_path / "words", dimensions=0),
    ):
        pass


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


@pytest.mark.parametrize("name", [WORDS, ENDS, EXACT, LOWER])
def test_a_flipped_bit_anywhere_in_the_index_gives_the_right_answer_or_none(name: str, tmp_path: Path):
    stored(tmp_path / "words", SOME)
    right = answers(tmp_path / "words")
    assert None not in right[: len(SOME)]
    path = tmp_path / "words" / name
    sound = path.read_bytes()
    spoilt = 0
    for bit in range(8 * len(sound)):
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
