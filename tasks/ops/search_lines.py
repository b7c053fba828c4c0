"""What a search has to say in words: what each word was taken for, and how what was found compares with what there is.

The same lines stand at the terminal and on the sheet.
"""

from __future__ import annotations

from tasks.ops.noun_lexicon import Sense
from tasks.ops.noun_queries import Taken
from tasks.ops.search_results import ClassAsked, NounHit, Searched, SearchResult

GLOSS = 90
"""Letters of a gloss that a line has room for."""
SHOWN_OTHERS = 3


def question_lines(result: SearchResult) -> list[str]:
    """Return what each word was taken for and what else it may mean, a line each, and what was passed over."""
    lines = [line for one in result.taken for line in (_taken_line(one), *_other_lines(one))]
    return [*lines, f"passed over: {', '.join(result.passed_over)}"] if result.passed_over else lines


def short_question_lines(result: SearchResult) -> list[str]:
    """Return what each word was taken for, a line each."""
    return [_taken_line(one) for one in result.taken]


def found_lines(result: SearchResult) -> list[str]:
    """Return which classes are near the words, and how much of those that were asked for was found."""
    near = [f"nearest classes: {', '.join(map(_near, result.nouns))}"] if result.taken and result.nouns else []
    return near + [_class_line(asked, len(result.hits)) for asked in result.asked]


def searched_line(searched: Searched) -> str:
    """Return what was searched, as one line."""
    return (
        f"{searched.rows:,} rows of {searched.dataset}, version {searched.version}, "
        f"by {searched.model}@{searched.model_version}"
    )


def short_gloss(gloss: str) -> str:
    """Return the definition in a gloss, without its examples, cut to what a line has room for."""
    definition = gloss.partition('; "')[0]
    return definition if len(definition) <= GLOSS else f"{definition[: GLOSS - 1]}…"


def _taken_line(taken: Taken) -> str:
    asked = taken.asked.replace("_", " ")
    if taken.sense is None:
        return f"{asked}: no noun, but a word that has a vector"
    shared = f" (and {taken.shared} more with its vector)" if taken.shared else ""
    return f"{asked}: {_named(taken.sense)}, {short_gloss(taken.sense.gloss)}{shared}"


def _other_lines(taken: Taken) -> list[str]:
    more = len(taken.others) - SHOWN_OTHERS
    listed = ", ".join(map(_named, taken.others[:SHOWN_OTHERS])) + (f" and {more} more" if more > 0 else "")
    return [f"  may also mean {listed}: search for one by its wnid"] if taken.others else []


def _named(sense: Sense) -> str:
    return f"{sense.label.replace('_', ' ')} {sense.wnid}"


def _near(noun: NounHit) -> str:
    return f"{noun.label.replace('_', ' ')} {noun.cosine:.2f}"


def _class_line(asked: ClassAsked, found: int) -> str:
    role = f", {asked.role} by the model" if asked.role else ""
    return f"{asked.hits} of these {found} are of the class {asked.label}{role}, which has {asked.rows:,} rows"
