"""Learns vectors of words from a text, with gensim's skip-gram (Mikolov et al., 2013). Any text will do."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from tasks.ops.word_queries import centred, unit_vectors

if TYPE_CHECKING:
    from gensim.models import Word2Vec  # takes two seconds to import, which only training should pay
    from gensim.models.callbacks import CallbackAny2Vec

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
"""gensim would count the words of the text inside, and then learn from the bytes of the file as it is."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How to learn. The defaults suit the 4.5 million tokens of `wordnet_corpus`.

    For a large text, raise `min_count` (in Wikipedia most spellings occur once) and lower `alpha` to 0.025. Only with
    one worker does a seed give the same vectors again: several take lines as they come.
    """

    dimensions: int = 100
    window: int = 5
    negative: int = 5
    epochs: int = 3
    sample: float = 1e-3
    alpha: float = 0.05
    min_count: int = 1
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dimensions", "window", "negative", "epochs", "min_count", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class TrainedWords:
    """Words in descending count, equal counts by spelling: `counts` `(n,)`, `vectors` `(n, dimensions)`.

    The mean of all vectors was subtracted, then each scaled to length 1: before that the cosines of words that have
    to do with each other are all near 0.99.
    """

    words: list[str]
    counts: NDArray[np.int64]
    vectors: NDArray[np.float32]


def train_vectors(
    corpus: Path, *, settings: TrainingSettings, on_epoch: Callable[[int], None] = lambda done: None
) -> TrainedWords:
    """Learn a vector for each word of `corpus`, which has a sentence per line and words parted by spaces, in UTF-8.

    The text is read from disk once per epoch and once more to count; memory holds the words and their vectors.
    `on_epoch` is told how many epochs are done.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the text is compressed or not UTF-8, or has too few words.
    """
    model = _model(settings)
    _read_words(model, corpus, settings.min_count)
    model.train(
        corpus_file=str(corpus),
        total_examples=model.corpus_count,
        total_words=model.corpus_total_words,
        epochs=settings.epochs,
        callbacks=[_epoch_counter(on_epoch)],
    )
    # gensim's own types leave open what training has settled.
    words, vectors = cast("list[str]", model.wv.index_to_key), cast("NDArray[np.float32]", model.wv.vectors)
    counts = np.array([model.wv.get_vecattr(word, "count") for word in words], np.int64)
    order = sorted(range(len(words)), key=lambda place: (-counts[place], words[place]))
    return TrainedWords([words[place] for place in order], counts[order], unit_vectors(centred(vectors[order])))


def _model(settings: TrainingSettings) -> Word2Vec:
    from gensim.models import Word2Vec

    return Word2Vec(
        sg=1,
        vector_size=settings.dimensions,
        window=settings.window,
        negative=settings.negative,
        epochs=settings.epochs,
        sample=settings.sample,
        alpha=settings.alpha,
        min_count=settings.min_count,
        workers=settings.workers,
        seed=settings.seed,
        # Python's own hash differs from process to process.
        hashfxn=_hashed,
        # gensim would sort with numpy's default, whose order of equal counts depends on the processor.
        sorted_vocab=0,
    )


def _read_words(model: Word2Vec, corpus: Path, min_count: int) -> None:
    """Count the words of `corpus` into `model`."""
    if not corpus.is_file():
        raise FileNotFoundError(f"there is no text {corpus} to learn from")
    if corpus.suffix in COMPRESSED:
        raise ValueError(f"{corpus} is compressed, and training reads plain text only; unpack it first")
    try:
        model.build_vocab(corpus_file=str(corpus))
    except UnicodeDecodeError as error:
        raise ValueError(f"{corpus} is not UTF-8 text ({error}); convert it, e.g. with iconv") from error
    if len(model.wv) < 2:
        raise ValueError(
            f"{corpus} has {len(model.wv)} words that occur at least {min_count} times, too few to learn from;"
            " one sentence per line is expected, words parted by spaces"
        )


def _epoch_counter(on_epoch: Callable[[int], None]) -> CallbackAny2Vec:
    from gensim.models.callbacks import CallbackAny2Vec

    class EpochCounter(CallbackAny2Vec):
        """The only form in which gensim tells of an epoch's end."""

        done = 0

        def on_epoch_end(self, model: Word2Vec) -> None:
            self.done += 1
            on_epoch(self.done)

    return EpochCounter()


def _hashed(text: str) -> int:
    return zlib.crc32(text.encode())
