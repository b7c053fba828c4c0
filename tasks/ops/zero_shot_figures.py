"""What a model that puts pictures into word space reaches on classes that it learnt from, and on those it never saw.

Pure: embeddings in, figures out. All hit rates are means over classes, with intervals over classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.class_splits import ClassSplit
from tasks.ops.class_figures import GeneralisedAccuracy, Interval, class_means, generalised_accuracy, intervals_of
from tasks.ops.hierarchical_precision import HIERARCHICAL_KS, hierarchical_precision
from tasks.ops.wordnet_hops import HopGraph
from tasks.ops.zero_shot import KS, chance_of_hit, hits, nearest_candidates, ranks_of

SEED = 2013
"""Of the bootstrap."""
HOP_SETS: tuple[tuple[str, int | None], ...] = (("2 hops", 2), ("3 hops", 3), ("all nouns", None))
"""Which nouns are candidates: those so near to a seen class. The sets of Frome et al. (2013), table 2."""

Embeddings = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Nouns and classes that a picture may be guessed to show.

    `vectors`, `(nouns, d)`, are those of all rows of `split` that are nouns, of length 1; `has_own_vector`, `(nouns,)`,
    says which of them can be told apart. `control`, `(classes, d)`, are the exchanged vectors of the control, by label.
    """

    split: ClassSplit
    vectors: Embeddings
    has_own_vector: NDArray[np.bool_]
    control: Embeddings
    graph: HopGraph

    def nouns(self, hops: int | None, *, with_seen: bool) -> NDArray[np.int64]:
        """Return the rows of the nouns within so many hops of a seen class that have a vector of their own."""
        rows = self.split.nouns_within(hops, with_seen=with_seen)
        return rows[self.has_own_vector[rows]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a model made of held-out rows: rows of seen classes, or of unseen ones.

    `labels`, `(n,)`, are the dataset's. Embeddings are `(n, d)` of length 1: `devise` those of the model, `conse` the
    baseline that learns nothing, `control` those that were taught exchanged vectors. `softmax`, `(n, seen)`, are the
    probabilities of a classifier of the seen classes on the same features.
    """

    labels: NDArray[np.int64]
    devise: Embeddings
    conse: Embeddings
    control: Embeddings
    softmax: Embeddings
    kinds: NDArray[np.bool_]
    """Which kinds of picture each row is, `(n, 4)`: `tasks.ops.image_kinds`."""


@dataclass(frozen=True, slots=True)
class HitRates:
    """How often the true class is among the first k of `candidates`, for each of `KS`, and how often by chance."""

    candidates: int
    rows: int
    classes: int
    hits: tuple[Interval, ...]

    @property
    def chance(self) -> NDArray[np.float64]:
        return chance_of_hit(KS, candidates=self.candidates)


@dataclass(frozen=True, slots=True)
class ZeroShotFigures:
    """All figures of one model; keys are names of what was measured."""

    seen: Mapping[str, HitRates]
    """Of "devise" and "softmax", seen classes among seen classes."""
    unseen: Mapping[str, HitRates]
    """Of "devise", "conse" and "control", unseen classes among unseen classes."""
    generalised: Mapping[str, GeneralisedAccuracy]
    """Of "devise" and "conse", all classes among all classes, hit@1."""
    hop_sets: Mapping[tuple[str, str, bool], HitRates]
    """By name of the set, "devise" or "conse", and whether seen classes are candidates, too: unseen classes."""
    hierarchical: Mapping[str, tuple[Interval, ...]]
    """Hierarchical precision at 2, 5, 10, 20: "seen" among seen classes, "softmax" that of the classifier."""
    median_rank: float
    """Of unseen classes among all nouns, 0 the best."""


def zero_shot_figures(seen: Judged, unseen: Judged, candidates: Candidates) -> ZeroShotFigures:
    """Return all figures of a model from its held-out rows of seen classes and rows of unseen ones."""
    split = candidates.split
    all_nouns = candidates.nouns(None, with_seen=False)
    truth = np.searchsorted(all_nouns, split.rows_of(unseen.labels))
    return ZeroShotFigures(
        seen=_seen(seen, candidates),
        unseen=_unseen(unseen, candidates),
        generalised={name: _generalised(name, seen, unseen, candidates) for name in ("devise", "conse")},
        hop_sets=_hop_sets(unseen, candidates),
        hierarchical=_hierarchical(seen, candidates),
        median_rank=float(np.median(ranks_of(unseen.devise, candidates.vectors[all_nouns], truth))),
    )


def hit_rates(ranks: NDArray[np.int64], labels: NDArray[np.int64], *, candidates: int) -> HitRates:
    """Return hit rates by class from the ranks of true classes, `(n,)` each."""
    means = class_means(hits(ranks), labels)
    return HitRates(candidates, len(ranks), len(means), intervals_of(means, seed=SEED))


def _seen(judged: Judged, candidates: Candidates) -> dict[str, HitRates]:
    labels = candidates.split.seen_labels
    truth = np.searchsorted(labels, judged.labels)
    vectors = candidates.vectors[candidates.split.rows_of(labels)]
    found = {"devise": ranks_of(judged.devise, vectors, truth)}
    own = np.take_along_axis(judged.softmax, truth[:, None], axis=1)
    found["softmax"] = (judged.softmax >= own).sum(1) - 1
    return {name: hit_rates(ranks, judged.labels, candidates=len(labels)) for name, ranks in found.items()}


def unseen_ranks(judged: Judged, candidates: Candidates) -> NDArray[np.int64]:
    """Return the rank of the true class of each row among the unseen classes, `(n,)`, 0 the best."""
    labels = candidates.split.unseen_labels
    vectors = candidates.vectors[candidates.split.rows_of(labels)]
    return ranks_of(judged.devise, vectors, np.searchsorted(labels, judged.labels))


def _unseen(judged: Judged, candidates: Candidates) -> dict[str, HitRates]:
    labels = candidates.split.unseen_labels
    truth = np.searchsorted(labels, judged.labels)
    vectors = candidates.vectors[candidates.split.rows_of(labels)]
    found = {
        "devise": unseen_ranks(judged, candidates),
        "conse": ranks_of(judged.conse, vectors, truth),
        "control": ranks_of(judged.control, candidates.control[labels], truth),
    }
    return {name: hit_rates(ranks, judged.labels, candidates=len(labels)) for name, ranks in found.items()}


def _generalised(name: str, seen: Judged, unseen: Judged, candidates: Candidates) -> GeneralisedAccuracy:
    labels = np.sort(np.concatenate([candidates.split.seen_labels, candidates.split.unseen_labels]))
    vectors = candidates.vectors[candidates.split.rows_of(labels)]
    of_rows = np.concatenate([seen.labels, unseen.labels])
    embeddings = np.concatenate([getattr(seen, name), getattr(unseen, name)])
    found = ranks_of(embeddings, vectors, np.searchsorted(labels, of_rows)) == 0
    return generalised_accuracy(found, of_rows, unseen_labels=candidates.split.unseen_labels, seed=SEED)


def _hop_sets(judged: Judged, candidates: Candidates) -> dict[tuple[str, str, bool], HitRates]:
    """Return hit rates among the nouns of each set, over the rows whose class is in it."""
    nouns_of_rows = candidates.split.rows_of(judged.labels)
    found = {}
    for title, hops in HOP_SETS:
        for with_seen in (False, True):
            nouns = candidates.nouns(hops, with_seen=with_seen)
            within = np.isin(nouns_of_rows, nouns)
            if not within.any():
                continue
            truth, labels = np.searchsorted(nouns, nouns_of_rows[within]), judged.labels[within]
            for name in ("devise", "conse"):
                ranks = ranks_of(getattr(judged, name)[within], candidates.vectors[nouns], truth)
                found[title, name, with_seen] = hit_rates(ranks, labels, candidates=len(nouns))
    return found


def _hierarchical(judged: Judged, candidates: Candidates) -> dict[str, tuple[Interval, ...]]:
    labels = candidates.split.seen_labels
    rows, truth = candidates.split.rows_of(labels), candidates.split.rows_of(judged.labels)
    ks = [k for k in HIERARCHICAL_KS if k <= len(labels)]
    guesses = {
        "devise": nearest_candidates(judged.devise, candidates.vectors[rows], max(ks)),
        "softmax": np.argsort(-judged.softmax, axis=1, kind="stable")[:, : max(ks)],
    }
    return {
        name: _by_class(
            hierarchical_precision(rows[found], truth, ks, graph=candidates.graph, labels=rows), judged.labels
        )
        for name, found in guesses.items()
    }


def _by_class(values: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[Interval, ...]:
    return intervals_of(class_means(values, labels), seed=SEED)


def flat_metrics(found: ZeroShotFigures) -> dict[str, float]:
    """Return the figures by plain names, such as `unseen_hit5`, with what decides and its interval."""
    metrics: dict[str, float] = {}
    for name, rates in (("unseen", found.unseen["devise"]), ("seen", found.seen["devise"])):
        metrics |= {f"{name}_hit{k}": interval.mean for k, interval in _pairs(rates)}
    for k, interval in _pairs(found.unseen["devise"]):
        metrics |= {f"unseen_hit{k}_low": interval.low, f"unseen_hit{k}_high": interval.high}
    metrics |= {f"chance_hit{k}": float(c) for k, c in zip(KS, found.unseen["devise"].chance, strict=True)}
    for name in ("conse", "control"):
        metrics |= {f"{name}_unseen_hit{k}": interval.mean for k, interval in _pairs(found.unseen[name])}
    metrics |= {f"softmax_seen_hit{k}": interval.mean for k, interval in _pairs(found.seen["softmax"])}
    return metrics | {
        "harmonic_hit1": found.generalised["devise"].harmonic.mean,
        "median_rank_all_nouns": found.median_rank,
    }


def _pairs(rates: HitRates) -> Sequence[tuple[int, Interval]]:
    return list(zip(KS, rates.hits, strict=True))
