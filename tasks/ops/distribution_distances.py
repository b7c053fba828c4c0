"""How far apart two sets of vectors are as distributions, and which classes one of them covers. Pure.

What the vectors are decides what a distance means: whoever reports one names the extractor beside it. A Fréchet
distance is an "FID" only of vectors of one Inception network, which nothing here has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]
"""`(n, d)`, a vector in each row; computed with in float64."""

MEDIAN_VECTORS = 1000
"""As many vectors, evenly spread over those given, are enough to tell the median of their distances."""

# Rows whose distances to all others are in memory at a time.
_BLOCK = 1024


def frechet_distance(one: Vectors, other: Vectors) -> float:
    """Return the squared Fréchet distance of the Gaussians fitted to two sets, in squared units of the vectors.

    |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½), Dowson and Landau 1982, with unbiased covariances. No covariance is formed:
    with Σ = RᵀR of a QR decomposition, the trace of (Σ₁Σ₂)^½ is the sum of the singular values of R₁R₂ᵀ, which keeps
    the digits that the root of a squared matrix loses, and holds for singular covariances, too.

    The estimate is too large for small sets, by about the same for sets of the same sizes: compare only those.

    Raises:
        ValueError: the sets are not of one dimension, hold no finite numbers, or have fewer than two vectors.
    """
    one, other = _checked(one, other, least=2)
    means = one.mean(axis=0) - other.mean(axis=0)
    factors = [_covariance_factor(each) for each in (one, other)]
    traces = sum(float(np.sum(factor**2)) for factor in factors)
    shared = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    return max(0.0, float(means @ means + traces - 2 * shared))


def median_squared_distance(vectors: Vectors) -> float:
    """Return the median of the squared distances between vectors: the width of a kernel that sees their structure.

    Raises:
        ValueError: at least half of the pairs are equal, so that there is no such width.
    """
    (vectors,) = _checked(vectors, least=2)
    picked = vectors[np.linspace(0, len(vectors) - 1, min(len(vectors), MEDIAN_VECTORS)).round().astype(int)]
    median = float(np.median(_squared_distances(picked, picked)[np.triu_indices(len(picked), 1)]))
    if not median > 0:
        raise ValueError(
            f"at least half of the pairs of {len(vectors)} vectors are equal: they have no median distance"
        )
    return median


def squared_mmd(
    one: Vectors, other: Vectors, *, width: float, estimate: Literal["unbiased", "biased"] = "unbiased"
) -> float:
    """Return the squared maximum mean discrepancy of two sets under the kernel exp(-|x - y|² / `width`).

    Gretton et al. 2012, "A kernel two-sample test", equation 3 (unbiased: may fall below 0, and does half of the time
    for two sets of one distribution) and 5 (biased: at least 0). `width` is in squared units of the vectors;
    `median_squared_distance` of the real ones is the usual choice. 0 is equal, 2 as different as can be.

    Raises:
        ValueError: the sets are not of one dimension, hold no finite numbers, or have fewer than two vectors.
    """
    one, other = _checked(one, other, least=2)
    if not width > 0:
        raise ValueError(f"the width of a kernel is above 0, got {width}")
    across = 2 * _kernel_sum(one, other, width) / (len(one) * len(other))
    if estimate == "biased":
        return sum(_kernel_sum(each, each, width) / len(each) ** 2 for each in (one, other)) - across
    # Without the pairs of a vector and itself, each of which has 1.
    within = [(_kernel_sum(each, each, width) - len(each)) / (len(each) * (len(each) - 1)) for each in (one, other)]
    return sum(within) - across


def nearest_rows(vectors: Vectors, rows: Vectors) -> NDArray[np.int64]:
    """Return for each vector the number of the nearest of `rows`, `(n,)`; the first of equally near ones."""
    vectors, rows = _checked(vectors, rows, least=1)
    found = [distances.argmin(axis=1) for distances in _distance_blocks(vectors, rows)]
    return np.concatenate(found).astype(np.int64)


def class_shares(labels: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    """Return the share of each of `count` classes among labels `(n,)`, `(count,)`."""
    return np.bincount(labels, minlength=count) / len(labels)


def classes_present(
    labels: NDArray[np.integer], expected: NDArray[np.integer], *, least: float = 0.1
) -> NDArray[np.int64]:
    """Return the classes whose share among `labels` is at least `least` of their share among `expected`, sorted.

    For images without labels these are what a classifier says of them: name it beside the figure.
    """
    count = int(max(labels.max(), expected.max())) + 1
    wanted = class_shares(expected, count)
    return np.flatnonzero((wanted > 0) & (class_shares(labels, count) >= least * wanted))


def _checked(*sets: Vectors, least: int) -> list[NDArray[np.float64]]:
    """Return the sets in float64, having checked that they can be compared."""
    shapes = " and ".join(str(each.shape) for each in sets)
    if any(each.ndim != 2 or each.shape[1] != sets[0].shape[1] for each in sets):
        raise ValueError(f"expected vectors of one dimension, (n, d), got {shapes}")
    if min(len(each) for each in sets) < least:
        raise ValueError(f"a set needs at least {least} vectors, got {shapes}")
    if not all(np.isfinite(each).all() for each in sets):
        raise ValueError(f"vectors hold what is no finite number, in sets of {shapes}")
    return [each.astype(np.float64) for each in sets]


def _covariance_factor(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return R, `(min(n, d), d)`, with RᵀR the covariance of the vectors."""
    return np.linalg.qr(vectors - vectors.mean(axis=0), mode="r") / np.sqrt(len(vectors) - 1)


def _kernel_sum(one: NDArray[np.float64], other: NDArray[np.float64], width: float) -> float:
    return float(sum(np.exp(-distances / width).sum() for distances in _distance_blocks(one, other)))


def _distance_blocks(one: NDArray[np.float64], other: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(one), _BLOCK):
        yield _squared_distances(one[start : start + _BLOCK], other)


def _squared_distances(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared distance of each vector to each, `(n, m)`."""
    # About one of them as the origin: what |x|² + |y|² - 2xy loses grows with the distance from there.
    one, other = one - other[0], other - other[0]
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.maximum(squares, 0)
