"""Where word vectors come from: a file in Google's format, a text, or WordNet itself; and how they get on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from storage.digests import object_digest
from storage.records import fingerprint
from storage.word_vectors import create_word_vectors
from tasks.ops.word2vec_files import open_word2vec
from tasks.ops.word_training import TrainingSettings, train_vectors
from tasks.ops.wordnet_corpus import write_corpus
from tasks.ops.wordnet_files import PARTS_OF_SPEECH

FORM = 1
"""Raised when the same origin comes to other bytes."""


@dataclass(frozen=True, slots=True)
class GivenVectors:
    """Vectors that somebody trained, in a file of word2vec's format."""

    path: Path


@dataclass(frozen=True, slots=True)
class TextVectors:
    """Vectors to be learnt from a text of the user's, a sentence a line."""

    path: Path
    settings: TrainingSettings


@dataclass(frozen=True, slots=True)
class WordNetVectors:
    """Vectors to be learnt from WordNet's definitions, examples and relations."""

    settings: TrainingSettings


Origin = GivenVectors | TextVectors | WordNetVectors


@dataclass(frozen=True, slots=True)
class KnownOrigin:
    """An origin whose content is known: `key` hashes all that decides the vectors, `facts` tell of it."""

    origin: Origin
    key: str
    facts: tuple[tuple[str, str], ...]


def known_origin(origin: Origin, wordnet: Path) -> KnownOrigin:
    """Hash what vectors will be made of.

    Raises:
        FileNotFoundError: the file or text is not there.
    """
    match origin:
        case GivenVectors(path):
            facts = (("vectors", f"{_existing(path).absolute()}"), ("BLAKE3 of that file", object_digest(path)))
            # Where the file lies does not count.
            return KnownOrigin(origin, fingerprint(["given", FORM, facts[-1]]), facts)
        case TextVectors(path, settings):
            facts = (("text", f"{_existing(path).absolute()}"), ("BLAKE3 of that text", object_digest(path)))
            return KnownOrigin(origin, _training_key(facts[-1], settings), (*facts, *_training_facts(settings)))
        case WordNetVectors(settings):
            facts = (("text", "WordNet 3.0 itself: definitions, examples, walks over its relations"),)
            key = _training_key(("wordnet", wordnet_digest(wordnet)), settings)
            return KnownOrigin(origin, key, (*facts, *_training_facts(settings)))


def wordnet_digest(wordnet: Path) -> str:
    """Return the hash of the four files that hold all synsets."""
    return fingerprint([object_digest(wordnet / f"data.{part}") for part in PARTS_OF_SPEECH])


def write_vectors(
    known: KnownOrigin, folder: Path, *, wordnet: Path, scratch: Path, on_share: Callable[[str, float], None]
) -> Path:
    """Make the vectors of an origin and store them in the new folder `folder`; return it.

    `on_share` is told what is being done, and how much of it is done already, in [0, 1].

    Raises:
        ValueError: the file is malformed (the message names the byte), or the text is of no use.
        DiskFull, DiskFailed: `folder` or `scratch` cannot be written.
    """
    match known.origin:
        case GivenVectors(path):
            _copied(path, folder, on_share)
        case TextVectors(path, settings):
            _learnt(path, folder, settings, on_share)
        case WordNetVectors(settings):
            on_share("writing the text", 0.0)
            text = scratch / "wordnet.txt"
            write_corpus(wordnet, text, seed=settings.seed)
            _learnt(text, folder, settings, on_share)
    return folder


def _copied(path: Path, folder: Path, on_share: Callable[[str, float], None]) -> None:
    file = open_word2vec(path)
    done = 0
    with create_word_vectors(folder, dimensions=file.dimensions) as writer:
        for words, vectors in file.blocks():
            writer.append(words, vectors)
            done += len(words)
            on_share("reading vectors", done / max(1, file.count))


def _learnt(text: Path, folder: Path, settings: TrainingSettings, on_share: Callable[[str, float], None]) -> None:
    def on_epoch(epoch: int) -> None:
        on_share("learning vectors", epoch / settings.epochs)

    on_epoch(0)
    trained = train_vectors(text, settings=settings, on_epoch=on_epoch)
    with create_word_vectors(folder, dimensions=settings.dimensions) as writer:
        writer.append(trained.words, trained.vectors, counts=trained.counts)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return path


def _training_key(text: tuple[str, str], settings: TrainingSettings) -> str:
    return fingerprint(["learnt", FORM, text, settings, _libraries()])


def _training_facts(settings: TrainingSettings) -> tuple[tuple[str, str], ...]:
    same = (
        "yes: the same text, seed and libraries give the same bytes"
        if settings.workers == 1
        else f"no: {settings.workers} threads take lines as they come, so every run gives slightly other vectors"
    )
    model = (
        f"skip-gram, {settings.dimensions} dimensions, window {settings.window}, {settings.negative} negative samples, "
        f"{settings.epochs} epochs, words from {settings.min_count} occurrences on"
    )
    libraries = ", ".join(f"{name} {number}" for name, number in _libraries())
    return ("model", model), ("seed", str(settings.seed)), ("reproducible", same), ("libraries", libraries)


def _libraries() -> list[tuple[str, str]]:
    return [(name, version(name)) for name in ("gensim", "numpy")]
