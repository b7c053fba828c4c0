"""Strips of a few rows under one another, to be looked at: what there was, what became of it, what it should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.ops.contact_sheet import contact_sheet

STRIPS = 4
LEAST_SIDE = 96
"""Smaller pictures are shown with pixels of 2×2 or more: a person wants to see them, and captions need the room."""


class Strips:
    """The sample of a validation: the first rows that a process was given, each a strip of pictures of one size."""

    def __init__(self) -> None:
        self._pictures: list[NDArray[np.uint8]] = []
        self._captions: list[str] = []
        self._rows = 0

    def add(self, pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> None:
        """Add the strip of one row, `(h, w, 3)` uint8 RGB each, while there is room."""
        if self._rows < STRIPS:
            self._pictures += pictures
            self._captions += captions
            self._rows += 1

    def samples(self) -> dict[str, NDArray[np.uint8]]:
        """Return the strips as the one sample of a validation; none in a process that had no row."""
        if not self._pictures:
            return {}
        pictures = np.stack(self._pictures)
        factor = -(-LEAST_SIDE // pictures.shape[2])
        pictures = pictures.repeat(factor, axis=1).repeat(factor, axis=2)
        columns = len(pictures) // self._rows
        sheet = contact_sheet(pictures, self._captions, columns=columns, thumbnail=pictures.shape[2])
        return {"before-after": np.asarray(sheet)}
