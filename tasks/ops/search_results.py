"""What a search finds, and of what: small values for a table, a sheet or a machine."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.ops.noun_queries import Taken


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found, and the cosine between its vector and the one asked for.

    `share`, of words, is the softmax of what is asked for among it and the classes of the dataset.
    `role` is "seen" or "unseen" where the model is known to have learnt from its class or not, else empty.
    """

    row: int
    cosine: float
    class_name: str
    label: str
    role: str
    path: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class NounHit:
    """A noun near what was asked for, and whether it is a class of the dataset."""

    wnid: str
    label: str
    branch: str
    gloss: str
    cosine: float
    is_class: bool


@dataclass(frozen=True, slots=True)
class ClassAsked:
    """A class of the dataset that was asked for by name: how many of the hits are of it, and how many rows are."""

    class_name: str
    label: str
    role: str
    hits: int
    rows: int


@dataclass(frozen=True, slots=True)
class Searched:
    """What was searched: a version of a dataset, by a version of a model, through a version of an index."""

    dataset: str
    version: int
    rows: int
    model: str
    model_version: int
    index: str
    index_version: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one question.

    `taken`, `passed_over` and `asked` are of words, and `nouns` are then the classes near them; of a picture, called
    `photo`, they are the nouns near it.
    """

    searched: Searched
    taken: tuple[Taken, ...]
    passed_over: tuple[str, ...]
    photo: str
    nouns: tuple[NounHit, ...]
    asked: tuple[ClassAsked, ...]
    hits: tuple[Hit, ...]

    @property
    def title(self) -> str:
        """What was asked for, on one line."""
        return self.photo or " + ".join(one.asked.replace("_", " ") for one in self.taken)
