"""What the pages ask of trained models. Who answers computes elsewhere: no page imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.ops.search_results import SearchResult


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """What a search goes through: a version of the features of a dataset's rows."""

    name: str
    number: int


class NoAnswer(Exception):
    """A model cannot be asked, or not about this; the message says why, and what to do."""


class ModelAnswers(Protocol):
    """Trained models at work; may be used by several threads."""

    def near_picture(self, content: bytes, *, index: IndexVersion, count: int, nouns: int) -> SearchResult:
        """Return the nouns and rows of an index near the picture in the bytes of an image file.

        Raises:
            NoAnswer: they are no picture, or the index, or the model that made it, is gone.
        """
        ...

    def improved(self, pixels: NDArray[np.uint8], *, model: str) -> NDArray[np.uint8]:
        """Return what the model, as in superres@3, makes of `(h, w, 3)` uint8 RGB: as large or larger, likewise.

        Raises:
            NoAnswer: it makes no pictures of pictures.
        """
        ...

    def close(self) -> None:
        """Let go of the processes that compute."""
        ...
