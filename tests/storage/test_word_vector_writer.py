"""Writing word vectors: numpy alone reads what was written, and a failure leaves nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.word_vector_files import COUNTS, ENDS, EXACT, LOWER, MOST_WORD_BYTES, VECTORS, WORDS
from storage.word_vector_writer import WordVectorWriter
from storage.word_vectors import create_word_vectors, open_word_vectors
from tests.storage.stored_words import DIMENSIONS, stored, vectors_of

FILES = (VECTORS, WORDS, ENDS, EXACT, LOWER, COUNTS)


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


@given(st.lists(st.text(st.sampled_from("aAzZ@[`{_éÉΣ"), max_size=9), min_size=1, max_size=9), st.integers(1, 9))
def test_both_tables_hold_the_checksum_of_every_word_as_zlib_has_it(words: list[str], per_block: int):
    words = [*words, "B" * MOST_WORD_BYTES, "Z" + "a" * (MOST_WORD_BYTES - 1)]
    with tempfile.TemporaryDirectory() as folder:
        stored(Path(folder) / "words", words, per_block=per_block)
        exact, lower = (np.load(Path(folder) / "words" / name) for name in (EXACT, LOWER))
    for table, kept in ((exact, words), (lower, [word.lower() for word in words])):
        assert sorted(table.T[:, ::-1].tolist()) == [[row, crc32(word.encode())] for row, word in enumerate(kept)]


def test_the_same_words_make_the_same_bytes_in_whatever_blocks_they_come(tmp_path: Path):
    words = [f"word{i}" for i in range(20)]
    for name, per_block in (("one", 1), ("other", 7)):
        stored(tmp_path / name, words, per_block=per_block, counted=True)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


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
