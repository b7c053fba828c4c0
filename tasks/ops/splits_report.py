"""What a person wants to see of class splits: how many, which, how far from what was seen. Pure text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from storage.class_splits import ClassSplit
from tasks.ops.markdown import code_span, markdown_table
from tasks.ops.split_choices import SplitClasses
from tasks.ops.zero_shot import chance_of_hit

SHOWN_CLASSES = 200
CHANCE_AT = (1, 10)


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """How many classes a split has on each side, and how many nouns are near the seen ones without being of them."""

    seen: int
    unseen: int
    set_aside: int
    within_2_hops: int
    within_3_hops: int
    nouns: int


def counts_of(split: ClassSplit) -> SplitCounts:
    """Count classes and candidates of a split."""
    within = [len(split.nouns_within(hops, with_seen=False)) for hops in (2, 3, None)]
    return SplitCounts(len(split.seen_labels), len(split.unseen_labels), len(split.set_aside_labels), *within)


def splits_card(
    name: str,
    number: int,
    splits: Mapping[int, ClassSplit],
    classes: SplitClasses,
    facts: Iterable[tuple[str, str]],
) -> str:
    """Return the card of class splits as Markdown."""
    sections = [
        [f"# {name}, version {number}", ""],
        [markdown_table(("", ""), [(key, code_span(value)) for key, value in facts]), ""],
        ["## Splits", "", _counts_table(splits), "", *_CANDIDATES, ""],
        ["## How far the unseen classes are", "", _hops_table(splits), "", *_HOPS, ""],
        ["## Branches of WordNet", "", _branch_table(splits, classes), ""],
        *([f"## Unseen in split {each}", "", _unseen_text(split, classes), ""] for each, split in splits.items()),
        ["## Set aside", "", _set_aside_text(classes), ""],
        ["## Reading it", "", *_reading(name, next(iter(splits))), ""],
    ]
    return "\n".join(line for section in sections for line in section)


_CANDIDATES = (
    "Nouns are counted without the seen classes, as candidates for zero-shot recognition: those at most so many steps "
    "from a seen class, up or down in WordNet. Chance is that of a hit among the unseen classes alone.",
)
_HOPS = (
    "Unseen classes by the steps to the nearest seen class: 0 cannot be, 1 is what a seen class is a kind of or a kind "
    "of one, 2 mostly has a broader notion in common. What lies far from all that was seen is harder to guess.",
)


def _counts_table(splits: Mapping[int, ClassSplit]) -> str:
    header = ("split", "seen", "unseen", "set aside", "nouns, 2 hops", "3 hops", "all", "chance at 1", "at 10")
    return markdown_table(header, [_counts_row(number, counts_of(split)) for number, split in splits.items()])


def _counts_row(number: int, counts: SplitCounts) -> tuple[str, ...]:
    sides = (counts.seen, counts.unseen, counts.set_aside)
    nouns = (counts.within_2_hops, counts.within_3_hops, counts.nouns)
    chance = chance_of_hit(CHANCE_AT, candidates=counts.unseen)
    return (str(number), *(f"{count:,}" for count in (*sides, *nouns)), *(f"{share:.2%}" for share in chance))


def _hops_table(splits: Mapping[int, ClassSplit]) -> str:
    counted = {number: Counter(split.hops[split.roles == "unseen"].tolist()) for number, split in splits.items()}
    found = sorted(set().union(*counted.values()))
    header = ("split", *("no noun" if hops < 0 else f"{hops} hops" if hops > 1 else f"{hops} hop" for hops in found))
    return markdown_table(
        header, [(str(number), *(str(counts[hops]) for hops in found)) for number, counts in counted.items()]
    )


def _branch_table(splits: Mapping[int, ClassSplit], classes: SplitClasses) -> str:
    every = Counter(branch or "no noun" for branch in classes.branches)
    unseen = {
        number: Counter(classes.branches[label] or "no noun" for label in split.unseen_labels)
        for number, split in splits.items()
    }
    header = ("branch", "classes", *(f"unseen in split {number}" for number in splits))
    return markdown_table(
        header,
        [(branch, str(count), *(str(of[branch]) for of in unseen.values())) for branch, count in every.most_common()],
    )


def _unseen_text(split: ClassSplit, classes: SplitClasses) -> str:
    words = sorted(code_span(classes.words[label]) for label in split.unseen_labels)
    more = f", and {len(words) - SHOWN_CLASSES:,} more" if len(words) > SHOWN_CLASSES else ""
    return ", ".join(words[:SHOWN_CLASSES]) + more


def _set_aside_text(classes: SplitClasses) -> str:
    places = np.flatnonzero(~np.array(classes.has_own_vector, bool))
    if not len(places):
        return "Every class has a vector of its own."
    named = [code_span(f"{classes.names[place]} {classes.words[place]}") for place in places[:SHOWN_CLASSES]]
    more = f", and {len(places) - SHOWN_CLASSES:,} more" if len(places) > SHOWN_CLASSES else ""
    return (
        f"{len(places)} of {len(classes.names)} classes have no word vector of their own, so that nothing could tell "
        f"them apart; they are neither learnt from nor counted: {', '.join(named)}{more}."
    )


def _reading(name: str, number: int) -> list[str]:
    return [
        "```python",
        "from storage.class_splits import open_class_splits",
        "",
        f'with open_class_splits(tiers, "{name}") as splits:',
        f"    split = splits.split({number})",
        "    split.unseen_labels                        # ascending int64",
        "    split.nouns_within(2, with_seen=False)     # rows of the noun map",
        "```",
    ]
