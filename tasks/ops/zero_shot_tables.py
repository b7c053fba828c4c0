"""The figures of a model in word space as tables for its card, the paper's beside them. Pure: figures in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from storage.models import FigureTable
from tasks.ops.class_figures import Interval
from tasks.ops.group_errors import branch_groups, group_errors, group_table, kind_groups
from tasks.ops.hierarchical_precision import HIERARCHICAL_KS
from tasks.ops.zero_shot import KS, hits
from tasks.ops.zero_shot_figures import HOP_SETS, SEED, Candidates, HitRates, Judged, ZeroShotFigures, unseen_ranks

PAPER_SEEN = {"devise": (54.9, 66.9, 78.4, 85.0), "softmax": (55.6, 67.4, 78.5, 85.0)}
"""Flat hit@1, 2, 5, 10 on ImageNet 2012's 1,000 classes in %: Frome et al. (2013), table 1, 1,000 dimensions."""
PAPER_HOPS = {
    ("2 hops", "devise", False): (6.0, 10.0, 18.1, 26.4, 36.4),
    ("2 hops", "devise", True): (0.8, 2.7, 7.9, 14.2, 22.7),
    ("3 hops", "devise", False): (1.7, 2.9, 5.3, 8.2, 12.5),
    ("3 hops", "devise", True): (0.5, 1.4, 3.4, 5.9, 9.7),
    ("all nouns", "devise", False): (0.8, 1.4, 2.5, 3.9, 6.0),
    ("all nouns", "devise", True): (0.3, 0.8, 1.9, 3.2, 5.3),
    ("2 hops", "conse", False): (9.4, 15.1, 24.7, 32.7, 41.8),
    ("3 hops", "conse", False): (2.7, 4.4, 7.8, 11.5, 16.1),
    ("all nouns", "conse", False): (1.4, 2.2, 3.9, 5.8, 8.3),
}
"""Flat hit@1, 2, 5, 10, 20 in %: DeViSE from Frome et al. (2013), table 2; ConSE(10) from Norouzi et al. (2014)."""
PAPER_HIERARCHICAL = {"devise": (0.447, 0.352, 0.331, 0.341)}
"""At 2, 5, 10, 20: Frome et al. (2013), table 1, 500 dimensions."""

GROUP_KS = (1, 5, 10)

_NAMES = {"devise": "DeViSE", "conse": "ConSE(10)", "control": "control", "softmax": "softmax head"}
_NOT_COMPARABLE = (
    "The papers' figures are ImageNet's, by a network of 2012 and vectors from Wikipedia, with other classes and other "
    "candidates: they tell what the task looks like at that size, and not which model is better."
)


def zero_shot_tables(found: ZeroShotFigures, *, set_aside: int, is_demonstration: bool) -> list[FigureTable]:
    """Return the tables of a card; `set_aside` classes were dropped for lack of a vector of their own."""
    return [
        _unseen_table(found, set_aside=set_aside),
        _hop_table(found),
        _generalised_table(found),
        _seen_table(found, is_demonstration=is_demonstration),
        _hierarchical_table(found),
    ]


def group_tables(unseen: Judged, candidates: Candidates, *, branches: Sequence[str]) -> list[FigureTable]:
    """Return which branches of WordNet and which kinds of pictures are served worse, among unseen classes.

    `branches` has that of each label.
    """
    found = hits(unseen_ranks(unseen, candidates), GROUP_KS)
    groups = {
        "Unseen classes by branch of WordNet": branch_groups(unseen.labels, branches),
        "Unseen classes by kind of picture": kind_groups(unseen.kinds),
    }
    return [
        group_table(title, group_errors(found, unseen.labels, of_rows, seed=SEED), ks=GROUP_KS)
        for title, of_rows in groups.items()
    ]


def _unseen_table(found: ZeroShotFigures, *, set_aside: int) -> FigureTable:
    rows = [(_NAMES[name], *_cells(rates)) for name, rates in found.unseen.items()]
    devise = found.unseen["devise"]
    rows.append(("chance", *(f"{100 * each:.1f}" for each in devise.chance)))
    return FigureTable(
        f"Classes never seen, among the {devise.candidates} unseen classes",
        ("%", *(f"hit@{k}" for k in KS)),
        tuple(rows),
        f"Means over {devise.classes} classes ({devise.rows:,} rows) with 95% intervals over classes. The control is a "
        f"twin of the head that was taught the vectors of other classes: it has to be at chance. {set_aside} classes "
        "without a vector of their own were dropped.",
    )


def _hop_table(found: ZeroShotFigures) -> FigureTable:
    rows = []
    for title, _ in HOP_SETS:
        for with_seen in (False, True):
            for name in ("devise", "conse"):
                rates = found.hop_sets.get((title, name, with_seen))
                if rates is not None:
                    label = f"{title}{' and seen classes' * with_seen}"
                    paper = _percent(PAPER_HOPS.get((title, name, with_seen)))
                    rows.append(
                        (label, f"{rates.candidates:,}", str(rates.classes), _NAMES[name], *_means(rates), paper)
                    )
    return FigureTable(
        "Classes never seen, among nouns of WordNet",
        ("candidates within", "candidates", "classes", "%", *(f"hit@{k}" for k in KS), "paper, hit@1/2/5/10/20"),
        tuple(rows),
        f"Of all nouns the true one has the median rank {found.median_rank:,.0f}. {_NOT_COMPARABLE}",
    )


def _generalised_table(found: ZeroShotFigures) -> FigureTable:
    rows = [
        (_NAMES[name], _interval(each.seen), _interval(each.unseen), _interval(each.harmonic))
        for name, each in found.generalised.items()
    ]
    return FigureTable(
        "All classes among all classes (generalised zero-shot), hit@1",
        ("%", "seen", "unseen", "harmonic mean"),
        tuple(rows),
        "After Xian et al. (2017). Who learnt only seen classes names them too often.",
    )


def _seen_table(found: ZeroShotFigures, *, is_demonstration: bool) -> FigureTable:
    rows = [(_NAMES[name], *_cells(rates), _percent(PAPER_SEEN.get(name))) for name, rates in found.seen.items()]
    rates = found.seen["devise"]
    means_little = (
        "On this demonstration set they mean little: a class has one or two drawings, so that a held-out row shows a "
        "drawing that was learnt, on another background. "
    )
    return FigureTable(
        f"Held-out rows of the {rates.candidates} seen classes",
        ("%", *(f"hit@{k}" for k in KS), "paper, hit@1/2/5/10"),
        tuple(rows),
        f"{means_little * is_demonstration}{_NOT_COMPARABLE}",
    )


def _hierarchical_table(found: ZeroShotFigures) -> FigureTable:
    rows = [
        (_NAMES[name], *(f"{each.mean:.3f}" for each in intervals), _plain(PAPER_HIERARCHICAL.get(name)))
        for name, intervals in found.hierarchical.items()
    ]
    ks = HIERARCHICAL_KS[: len(next(iter(found.hierarchical.values())))]
    return FigureTable(
        "Hierarchical precision, held-out rows of seen classes",
        ("", *(f"@{k}" for k in ks), "paper"),
        tuple(rows),
        "The share of the first k guesses that lie nearest to the true class in WordNet (Frome et al. 2013, appendix).",
    )


def _cells(rates: HitRates) -> Iterable[str]:
    return [_interval(each) for each in rates.hits]


def _means(rates: HitRates) -> Iterable[str]:
    return [f"{100 * each.mean:.1f}" for each in rates.hits]


def _interval(each: Interval) -> str:
    return f"{100 * each.mean:.1f} ({100 * each.low:.1f}–{100 * each.high:.1f})"


def _percent(figures: tuple[float, ...] | None) -> str:
    return "" if figures is None else " / ".join(f"{each:.1f}" for each in figures)


def _plain(figures: tuple[float, ...] | None) -> str:
    return "" if figures is None else " / ".join(f"{each:.3f}" for each in figures)
