"""Checks that vectors of words mean something, made before they are published. Pure: vectors in, figures out.

Of vectors that were trained on WordNet itself, agreement with WordNet shows that training worked, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.ops.wordnet_nouns import Noun
from tasks.ops.wordnet_taxonomy import Taxonomy

PAIRS = 4000
"""Pairs of nouns that similarities are compared on; half are near each other in WordNet, half drawn at random."""
LEAST_PAIRS = 200
"""With fewer, the rank correlation of unrelated numbers strays from 0 by 0.07 (its standard error) and more."""
SAMPLE_SEED = 0


@dataclass(frozen=True, slots=True)
class Relation:
    """`word` should be nearer to `near` than to `far`."""

    word: str
    near: str
    far: str

    def __str__(self) -> str:
        return f"{self.word} should be nearer to {self.near} than to {self.far}"


RELATIONS = (
    Relation("golden_retriever", "poodle", "banana"),
    Relation("poodle", "beagle", "airplane"),
    Relation("tiger", "leopard", "teapot"),
    Relation("salmon", "trout", "sofa"),
    Relation("sparrow", "finch", "tractor"),
    Relation("oak", "maple", "hammer"),
    Relation("banana", "mango", "trumpet"),
    Relation("pizza", "lasagna", "bicycle"),
    Relation("violin", "cello", "rabbit"),
    Relation("trumpet", "trombone", "potato"),
    Relation("hammer", "screwdriver", "salmon"),
    Relation("sofa", "armchair", "eagle"),
    Relation("truck", "minivan", "butterfly"),
    Relation("aircraft_carrier", "battleship", "strawberry"),
    Relation("surgeon", "physician", "bridge"),
    Relation("sweater", "cardigan", "shark"),
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What must be reached: shares of `RELATIONS`, and the rank correlation over the mixed sample.

    0.7 is for vectors trained on WordNet; of those trained on other texts less can be asked.
    """

    relations_present: float = 0.5
    relations_held: float = 0.9
    correlation: float = 0.7


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks found. `pairs` is the size of the mixed sample; a correlation is NaN where nothing varies."""

    held: tuple[Relation, ...]
    broken: tuple[Relation, ...]
    missing: tuple[Relation, ...]
    pairs: int
    mixed_correlation: float
    random_correlation: float
    failures: tuple[str, ...]
    """A sentence for each threshold that was not reached."""


def check_vectors(
    vectors: NDArray[np.float32],
    *,
    words: Mapping[str, int],
    synsets: Mapping[str, int],
    nouns: Mapping[str, Noun],
    thresholds: Thresholds,
) -> Checked:
    """Check the rows of `vectors` `(n, d)` that `words` (by spelling) and `synsets` (by wnid) stand in."""
    held, broken, missing = sorted_relations(vectors, words)
    sample = [pair for pair in sample_pairs(nouns) if pair[0] in synsets and pair[1] in synsets]
    near, far = ([pair[:2] for pair in sample if pair[2] is is_near] for is_near in (True, False))
    # So that it stays half and half, whatever the vectors lack.
    half = min(len(near), len(far))
    pairs = [*near[:half], *far[:half]]
    taxonomy = Taxonomy(nouns)
    similar = np.array([taxonomy.wu_palmer(*pair) for pair in pairs])
    rows = np.array([[synsets[first], synsets[second]] for first, second in pairs], np.int64).reshape(-1, 2)
    cosine = cosines(vectors[rows[:, 0]], vectors[rows[:, 1]])
    mixed, random = rank_correlation(cosine, similar), rank_correlation(cosine[half:], similar[half:])
    failures = (
        *_relation_failures(held, broken, missing, thresholds),
        *_correlation_failures(len(pairs), mixed, thresholds),
    )
    return Checked(held, broken, missing, len(pairs), mixed, random, failures)


def sorted_relations(
    vectors: NDArray[np.float32], words: Mapping[str, int]
) -> tuple[tuple[Relation, ...], tuple[Relation, ...], tuple[Relation, ...]]:
    """Return the relations that hold, those that don't, and those of which a word is missing."""
    held, broken, missing = [], [], []
    for relation in RELATIONS:
        rows = [words[word] for word in (relation.word, relation.near, relation.far) if word in words]
        if len(rows) < 3:
            missing.append(relation)
            continue
        word, near, far = (vectors[[row]] for row in rows)
        (held if cosines(word, near)[0] > cosines(word, far)[0] else broken).append(relation)
    return tuple(held), tuple(broken), tuple(missing)


def sample_pairs(nouns: Mapping[str, Noun]) -> Iterator[tuple[str, str, bool]]:
    """Yield `PAIRS` pairs of wnids, the same for the same nouns, and whether a pair is near: near and random in turn.

    The near ones are a noun and its hypernym, or two hyponyms of one noun.
    """
    generator = np.random.default_rng(SAMPLE_SEED)
    wnids = sorted(nouns)
    below: dict[str, list[str]] = {}
    for wnid in wnids:
        for hypernym in nouns[wnid].hypernyms:
            below.setdefault(hypernym, []).append(wnid)
    with_hypernym = [wnid for wnid in wnids if nouns[wnid].hypernyms]
    for _ in range(PAIRS // 2):
        wnid = _drawn(with_hypernym, generator)
        hypernym = _drawn(nouns[wnid].hypernyms, generator)
        siblings = [other for other in below[hypernym] if other != wnid]
        yield wnid, _drawn(siblings, generator) if siblings and generator.random() < 0.5 else hypernym, True
        yield _drawn(wnids, generator), _drawn(wnids, generator), False


def cosines(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of each row of `first` `(n, d)` and the same row of `second`; 0 where a row is 0."""
    dots = np.einsum("nd,nd->n", first, second, dtype=np.float64)
    lengths = np.linalg.norm(first.astype(np.float64), axis=1) * np.linalg.norm(second.astype(np.float64), axis=1)
    return np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Spearman's coefficient; equal values share the mean of their ranks. NaN if either does not vary."""
    if len(first) == 0 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _drawn(wnids: Sequence[str], generator: np.random.Generator) -> str:
    return wnids[int(generator.integers(len(wnids)))]


def _relation_failures(
    held: Sequence[Relation], broken: Sequence[Relation], missing: Sequence[Relation], thresholds: Thresholds
) -> Iterator[str]:
    present = len(held) + len(broken)
    if present < thresholds.relations_present * len(RELATIONS):
        lacking = ", ".join(sorted({relation.word for relation in missing}))
        yield (
            f"only {present} of {len(RELATIONS)} relations could be checked, where {thresholds.relations_present:.0%}"
            f" are wanted; words are missing in those of {lacking}"
        )
    if len(held) < thresholds.relations_held * present:
        yield (
            f"only {len(held)} of {present} relations hold, where {thresholds.relations_held:.0%} are wanted: "
            + "; ".join(map(str, broken))
        )


def _correlation_failures(pairs: int, mixed: float, thresholds: Thresholds) -> Iterator[str]:
    if pairs < LEAST_PAIRS:
        yield f"only {pairs} of {PAIRS} pairs of nouns have vectors, too few to compare similarities on"
    # Written so that NaN fails.
    elif not mixed >= thresholds.correlation:
        yield (
            f"the rank correlation of cosine with Wu–Palmer similarity is {mixed:.2f} over {pairs} pairs of nouns,"
            f" where {thresholds.correlation:.2f} is wanted"
        )
