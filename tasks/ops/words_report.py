"""What a person wants to see of published word maps: coverage, checks, neighbours and a picture. Pure text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from storage.word_maps import WordMap
from storage.word_vectors import WordVectors
from tasks.ops.markdown import code_span, embedded, markdown_table
from tasks.ops.word_checks import RELATIONS, Checked
from tasks.ops.word_mapping import row_in_any_case
from tasks.ops.word_picture import draw_words
from tasks.ops.word_queries import nearest
from tasks.ops.word_rules import POLICY, UNMATCHED

NOTEBOOK_MATCHED, NOTEBOOK_NOUNS = 51_600, 82_115
"""What fast.ai's DeViSE notebook (2018) matched with Google's vectors: a synset's first lemma, in whatever case."""
PLAIN_RULES = tuple(rule.name for rule in POLICY[:2])
PROBES = ("golden_retriever", "pizza", "violin", "aircraft_carrier")
SHOWN_NEIGHBOURS = 8
SHOWN_CLASSES = 20
LOOKED_AT = 60
"""Neighbours to look through for so many of different names: senses of one word share its vector."""


@dataclass(frozen=True, slots=True)
class WordMaps:
    """All that one version of word maps holds: of all nouns, and of the classes of each dataset."""

    nouns: WordMap
    classes: Mapping[str, WordMap]
    words: WordVectors


def coverage_of(found: WordMap) -> dict[str, int]:
    """Return how many rows each rule matched, in the order of the policy, and last how many none did."""
    counts = Counter(found.rules)
    return {rule: counts[rule] for rule in (*(rule.name for rule in POLICY), UNMATCHED)}


def named_neighbours(word: str, maps: WordMaps, *, count: int = SHOWN_NEIGHBOURS) -> list[tuple[str, float]]:
    """Return the nouns nearest to `word`, each name once, with their cosines; none if the word has no vector."""
    row = row_in_any_case(word, maps.words)
    if row is None:
        return []
    found: dict[str, float] = {}
    for neighbour in nearest(np.asarray(maps.words.vectors[row]), maps.nouns.vectors, count=LOOKED_AT + count):
        name = maps.nouns.labels[neighbour.row]
        if name.lower() != word.lower():
            found.setdefault(name, neighbour.cosine)
    return list(found.items())[:count]


def words_card(
    name: str, number: int, maps: WordMaps, checked: Checked, facts: Iterable[tuple[str, str]], *, is_circular: bool
) -> str:
    """Return the card of word maps as Markdown, its picture embedded.

    `is_circular` says that the vectors were learnt from WordNet, with which the checks compare them.
    """
    rows = [
        ("words with a vector", f"{len(maps.words):,} in {maps.words.dimensions} dimensions"),
        ("nouns", f"{int(maps.nouns.has_vector.sum()):,} of {len(maps.nouns):,} have a vector"),
        *((key, code_span(value)) for key, value in facts),
    ]
    sections = [
        [f"# {name}, version {number}", "", picture(maps), ""],
        [markdown_table(("", ""), rows), ""],
        ["## Coverage", "", coverage_table(maps), "", _notebook_line(maps.nouns), ""],
        *([f"## Classes of {dataset}", "", _classes_text(found), ""] for dataset, found in maps.classes.items()),
        ["## Checks", "", _checks_text(checked, is_circular=is_circular), ""],
        ["## Nearest nouns", "", _neighbours_text(maps), ""],
        ["## Reading it", "", *_reading(name, tuple(maps.classes)), ""],
    ]
    return "\n".join(line for section in sections for line in section)


def coverage_table(maps: WordMaps) -> str:
    """Return how many nouns and classes each rule matched, as a Markdown table."""
    of_classes = {f"classes of {dataset}": coverage_of(found) for dataset, found in maps.classes.items()}
    columns = {"all nouns": coverage_of(maps.nouns)} | of_classes
    rows = [(rule, *(f"{counts[rule]:,}" for counts in columns.values())) for rule in coverage_of(maps.nouns)]
    totals = ("in all", *(f"{sum(counts.values()):,}" for counts in columns.values()))
    return markdown_table(("rule", *columns), [*rows, totals])


def picture(maps: WordMaps) -> str:
    """Return the map of the first dataset's classes, of all nouns where there is none, as embedded Markdown."""
    title, shown = next(iter(maps.classes.items()), ("nouns", maps.nouns))
    there = np.flatnonzero(shown.has_vector)
    if len(there) < 2:
        return "*Fewer than two of its words have a vector: there is nothing to draw.*"
    branches = shown.table["branch"].to_pylist()
    drawn = draw_words(
        shown.vectors[there], [shown.labels[row] for row in there], [branches[row] or "no noun" for row in there]
    )
    text = f"{title} in the two directions in which their vectors vary most (PCA), coloured by branch of WordNet"
    return f"{embedded(text, drawn, kind='png')}\n\n*{text}.*"


def unmatched(found: WordMap) -> tuple[str, ...]:
    """Return the names of the rows without a vector."""
    return tuple(found.table.filter(pc.equal(found.table["rule"], UNMATCHED))["name"].to_pylist())


def _notebook_line(nouns: WordMap) -> str:
    counts = coverage_of(nouns)
    plain = sum(counts[rule] for rule in PLAIN_RULES)
    return (
        f"The first two rules together are fast.ai's plain rule: {plain:,} of {len(nouns):,} nouns here. Their "
        f"notebook matched {NOTEBOOK_MATCHED:,} of {NOTEBOOK_NOUNS:,} with it and Google's vectors."
    )


def _classes_text(found: WordMap) -> str:
    lacking, same = unmatched(found), found.table["same_vector"].to_pylist()
    shared = [
        (_told(found, row), ", ".join(map(code_span, same[row])) or "a broader notion")
        for row in np.flatnonzero(found.has_vector & ~found.has_own_vector).tolist()
    ]
    own, some = int(found.has_own_vector.sum()), int(found.has_vector.sum())
    lines = [f"{some:,} of {len(found):,} classes have a vector, {own:,} one of their own."]
    if lacking:
        lines += ["", f"Without a vector, set aside by `--require-vector`: {_some(map(code_span, lacking))}."]
    if shared:
        text = "No vector of their own tells these apart, so zero-shot evaluation leaves them out:"
        lines += ["", text, "", markdown_table(("class", "shares its vector with"), shared[:SHOWN_CLASSES])]
        if len(shared) > SHOWN_CLASSES:
            lines += ["", f"and {len(shared) - SHOWN_CLASSES:,} more, in the table of the classes."]
    return "\n".join(lines)


def _told(found: WordMap, row: int) -> str:
    name, label = found.names[row], found.labels[row]
    return code_span(name if label == name else f"{name} {label}")


def _checks_text(checked: Checked, *, is_circular: bool) -> str:
    lines = [
        f"- {len(checked.held)} of {len(RELATIONS)} relations hold, such as: {RELATIONS[0]}.",
        *(f"- Does not hold: {relation}." for relation in checked.broken),
        f"- Rank correlation (Spearman) of cosine with Wu–Palmer similarity: {checked.mixed_correlation:.2f} over "
        f"{checked.pairs:,} pairs of nouns, half near each other in WordNet and half at random; over the random half "
        f"alone {checked.random_correlation:.2f}, which is weak: how far apart two nouns are that have "
        "little in common says little.",
    ]
    if is_circular:
        lines.append(
            "- The vectors were learnt from WordNet, and so is the similarity that they are compared with: this shows "
            "that learning worked. It is consistency, and no evidence that the vectors know the world."
        )
    return "\n".join(lines)


def _neighbours_text(maps: WordMaps) -> str:
    rows = [
        (code_span(word), ", ".join(f"{code_span(name)} {cosine:.2f}" for name, cosine in named_neighbours(word, maps)))
        for word in PROBES
    ]
    return markdown_table(
        ("word", "nearest nouns and their cosine"), [(word, near or "no vector") for word, near in rows]
    )


def _reading(name: str, datasets: Sequence[str]) -> list[str]:
    of_classes = [f'    classes = maps.classes("{datasets[0]}")   # a row for each label'] if datasets else []
    return [
        "```python",
        "from storage.word_maps import open_word_maps",
        "",
        f'with open_word_maps(tiers, "{name}") as maps:',
        "    nouns = maps.nouns.vectors           # (82115, dimensions) float32, unit length",
        '    row = maps.nouns.rows["n02099601"]   # golden_retriever',
        *of_classes,
        "```",
    ]


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - SHOWN_CLASSES:,} more" if len(every) > SHOWN_CLASSES else ""
    return ", ".join(every[:SHOWN_CLASSES]) + more
