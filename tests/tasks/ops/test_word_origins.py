"""Origins of vectors: the same content has the same key wherever it lies, and its vectors get on disk whole or not."""

from __future__ import annotations

import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.word_vectors import open_word_vectors
from tasks.ops.word_origins import (
    GivenVectors,
    KnownOrigin,
    Origin,
    TextVectors,
    WordNetVectors,
    known_origin,
    wordnet_digest,
    write_vectors,
)
from tasks.ops.word_training import TrainingSettings
from tests.tasks.ops.wordnet_examples import KENNEL, write_wordnet

SMALL = TrainingSettings(dimensions=4, epochs=2)


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wordnet(tmp_path_factory.mktemp("kennel") / "wordnet", KENNEL)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Three words in Google's format."""
    rows = [(b"dog", (1.0, 2.0)), (b"New_York", (0.5, -1.0)), ("größe".encode(), (3.0, 4.0))]
    content = b"3 2\n" + b"".join(word + b" " + struct.pack("<2f", *row) + b"\n" for word, row in rows)
    (tmp_path / "given.bin").write_bytes(content)
    return tmp_path / "given.bin"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("dog cat dog cow\ncat cow dog\n" * 50)
    return tmp_path / "text.txt"


def written(known: KnownOrigin, tmp_path: Path, wordnet: Path) -> tuple[Path, list[tuple[str, float]]]:
    told: list[tuple[str, float]] = []
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    folder = write_vectors(
        known,
        scratch / "vectors",
        wordnet=wordnet,
        scratch=scratch,
        on_share=lambda doing, share: told.append((doing, share)),
    )
    return folder, told


def test_a_key_tells_the_content_and_not_the_place(given: Path, text: Path, wordnet: Path, tmp_path: Path):
    copies = [shutil.copy(path, tmp_path / f"copy of {path.name}") for path in (given, text)]
    pairs: list[tuple[Origin, Origin]] = [
        (GivenVectors(given), GivenVectors(Path(copies[0]))),
        (TextVectors(text, SMALL), TextVectors(Path(copies[1]), SMALL)),
    ]
    for one, other in pairs:
        first, second = known_origin(one, wordnet), known_origin(other, wordnet)
        assert first.key == second.key
        assert (first.facts[0][1], first.facts[1]) == (str(one.path), second.facts[1])  # pyright: ignore[reportAttributeAccessIssue]


def test_other_content_settings_or_kinds_have_other_keys(given: Path, text: Path, wordnet: Path, tmp_path: Path):
    longer = tmp_path / "longer.txt"
    longer.write_bytes(text.read_bytes() + b"dog\n")
    origins = [
        *(GivenVectors(given), GivenVectors(text), TextVectors(text, SMALL), TextVectors(longer, SMALL)),
        *(TextVectors(text, replace(SMALL, seed=1)), TextVectors(text, replace(SMALL, workers=2))),
        *(WordNetVectors(SMALL), WordNetVectors(replace(SMALL, epochs=3))),
    ]
    assert len({known_origin(origin, wordnet).key for origin in origins}) == len(origins)
    other = write_wordnet(tmp_path / "other", KENNEL[:-1])
    assert wordnet_digest(other) != wordnet_digest(wordnet)
    assert known_origin(WordNetVectors(SMALL), other).key != known_origin(WordNetVectors(SMALL), wordnet).key
    assert known_origin(GivenVectors(given), other).key == known_origin(GivenVectors(given), wordnet).key


def test_facts_tell_what_was_learnt_from_how_and_whether_it_can_be_had_again(text: Path, wordnet: Path):
    facts = dict(known_origin(WordNetVectors(SMALL), wordnet).facts)
    assert facts["text"] == "WordNet 3.0 itself: definitions, examples, walks over its relations"
    assert facts["model"] == (
        "skip-gram, 4 dimensions, window 5, 5 negative samples, 2 epochs, words from 1 occurrences on"
    )
    assert facts["reproducible"] == "yes: the same text, seed and libraries give the same bytes"
    assert "gensim " in facts["libraries"]
    threads = dict(known_origin(TextVectors(text, replace(SMALL, workers=3)), wordnet).facts)
    assert threads["text"] == str(text)
    assert threads["reproducible"].startswith("no: 3 threads take lines as they come")


@pytest.mark.parametrize("origin", [GivenVectors, lambda path: TextVectors(path, SMALL)])
def test_a_file_that_is_not_there_is_named(origin, wordnet: Path, tmp_path: Path):
    for path in (tmp_path / "absent.bin", tmp_path):
        with pytest.raises(FileNotFoundError, match=f"^there is no file {path}$"):
            known_origin(origin(path), wordnet)


def test_given_vectors_are_stored_word_by_word(given: Path, wordnet: Path, tmp_path: Path):
    folder, told = written(known_origin(GivenVectors(given), wordnet), tmp_path, wordnet)
    found = open_word_vectors(folder)
    assert [found.word(row) for row in range(len(found))] == ["dog", "New_York", "größe"]
    np.testing.assert_array_equal(found.vectors, [[1, 2], [0.5, -1], [3, 4]])
    assert told == [("reading vectors", 1.0)]
    assert [path.name for path in folder.parent.iterdir()] == ["vectors"]


def test_a_file_that_is_cut_off_names_the_byte_and_leaves_nothing(given: Path, wordnet: Path, tmp_path: Path):
    given.write_bytes(given.read_bytes()[:-2])
    with pytest.raises(ValueError, match=r"given\.bin: record 3 of 3, at byte 34: expected .*, found 16 bytes and"):
        written(known_origin(GivenVectors(given), wordnet), tmp_path, wordnet)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_vectors_learnt_from_a_text_or_from_wordnet_have_counts_and_the_same_bytes_again(
    text: Path, wordnet: Path, tmp_path: Path
):
    for origin in (TextVectors(text, SMALL), WordNetVectors(SMALL)):
        known = known_origin(origin, wordnet)
        folder, told = written(known, tmp_path, wordnet)
        found = open_word_vectors(folder)
        assert found.counts is not None
        assert found.counts[0] == found.counts.max() >= 100 or isinstance(origin, WordNetVectors)
        assert found.row("dog") is not None
        assert found.dimensions == 4
        shares = [share for doing, share in told if doing == "learning vectors"]
        assert shares == [0.0, 0.5, 1.0]
        content = {path.name: path.read_bytes() for path in folder.iterdir()}
        shutil.rmtree(tmp_path / "scratch")
        again, _ = written(known, tmp_path, wordnet)
        assert {path.name: path.read_bytes() for path in again.iterdir()} == content
        shutil.rmtree(tmp_path / "scratch")
    assert found.row("guide_dog") is not None
