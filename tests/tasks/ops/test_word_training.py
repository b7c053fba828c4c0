"""Vectors are learnt from any text, again the same from the same, and say which words occur together."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tasks.ops.word_training import TrainedWords, TrainingSettings, train_vectors

ANIMALS = ("dog", "cat", "cow", "hen", "guide_dog", "Küken")
TOOLS = ("saw", "axe", "file", "drill", "pocket_knife", "Bohrmaschine")
SMALL = TrainingSettings(dimensions=16, epochs=20)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences about animals and sentences about tools."""
    generator = random.Random(0)
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    lines = [" ".join(generator.choices(generator.choice([ANIMALS, TOOLS]), k=8)) for _ in range(400)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(corpus: Path) -> TrainedWords:
    return train_vectors(corpus, settings=SMALL)


def test_all_words_are_there_in_descending_count(corpus: Path, trained: TrainedWords):
    counted = Counter(corpus.read_text(encoding="utf-8").split())
    expected = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    assert list(zip(trained.words, trained.counts.tolist(), strict=True)) == expected
    assert trained.counts.dtype == np.int64
    assert trained.vectors.shape == (12, 16)
    assert trained.vectors.dtype == np.float32


def test_words_that_occur_together_are_nearer_than_others(trained: TrainedWords):
    np.testing.assert_allclose(np.linalg.norm(trained.vectors, axis=1), 1, atol=1e-6)
    cosine = trained.vectors @ trained.vectors.T
    is_animal = np.isin(trained.words, ANIMALS)
    same = is_animal[:, None] == is_animal
    assert cosine[same & ~np.eye(12, dtype=bool)].min() > cosine[~same].max()


PRINT_DIGEST = """
import sys, hashlib
from pathlib import Path
from tasks.ops.word_training import TrainingSettings, train_vectors
trained = train_vectors(Path(sys.argv[1]), settings=TrainingSettings(dimensions=16, epochs=20))
digest = hashlib.sha256("\\n".join(trained.words).encode())
digest.update(trained.counts.tobytes() + trained.vectors.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_two_processes_that_hash_differently_learn_the_same_bytes(corpus: Path):
    digests = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST, str(corpus)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop()) == 65


def test_another_seed_learns_other_vectors_of_the_same_words(corpus: Path, trained: TrainedWords):
    other = train_vectors(corpus, settings=TrainingSettings(dimensions=16, epochs=20, seed=1))
    assert other.words == trained.words
    assert not np.array_equal(other.vectors, trained.vectors)


def test_rare_words_are_left_out_if_asked(tmp_path: Path):
    (tmp_path / "corpus.txt").write_text("dog dog dog cat cat\n" * 3 + "hen\n")
    words = train_vectors(tmp_path / "corpus.txt", settings=TrainingSettings(dimensions=4, min_count=5)).words
    assert words == ["dog", "cat"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 words that occur at least 1 times, too few to learn from; one sentence per line"),
        (b"dog dog\n", "has 1 words"),
        ("dog Küken\n".encode("latin-1"), r"is not UTF-8 text \('utf-?8' codec can't decode .*convert it"),
    ],
)
def test_a_text_that_nothing_can_be_learnt_from_is_an_error(content: bytes, message: str, tmp_path: Path):
    (tmp_path / "corpus.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        train_vectors(tmp_path / "corpus.txt", settings=SMALL)


def test_a_compressed_text_and_a_missing_one_are_refused(tmp_path: Path):
    (tmp_path / "corpus.txt.gz").write_bytes(gzip.compress(b"dog cat\n"))
    with pytest.raises(ValueError, match=r"corpus\.txt\.gz is compressed, and training reads plain text only; unpack"):
        train_vectors(tmp_path / "corpus.txt.gz", settings=SMALL)
    with pytest.raises(FileNotFoundError, match=r"there is no text .*/corpus\.txt to learn from"):
        train_vectors(tmp_path / "corpus.txt", settings=SMALL)


@pytest.mark.parametrize("name", ["dimensions", "window", "negative", "epochs", "min_count", "workers"])
def test_settings_below_one_are_refused(name: str):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        TrainingSettings(**{name: 0})
