"""How likely rows near a question are what is asked for, and not something else. Pure: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCALE = 16.0
"""Cosines times this are the logits: what `devise` learns with by default."""
SAME = 1e-4
"""A rival so near to the question is what is asked for."""


def shares(
    rows: NDArray[np.float32],
    question: NDArray[np.float32],
    rivals: NDArray[np.float32],
    *,
    scale: float = SCALE,
) -> NDArray[np.float32]:
    """Return for each of `rows` `(n, d)` the softmax of the question `(d,)` among it and its `rivals` `(k, d)`, `(n,)`.

    All have length 1. Ordered by cosine alone, rows that lie near the middle of everything, "hubs", come up whatever
    is asked for; a row that has a nearer rival does not come up here (Smith et al. 2017, section 2.2, for words).
    """
    rivals = rivals[rivals @ question < 1 - SAME]
    logits = scale * (rows @ np.concatenate([question[None], rivals]).T)
    logits -= logits.max(axis=1, keepdims=True)
    exponents = np.exp(logits)
    return exponents[:, 0] / exponents.sum(axis=1)
