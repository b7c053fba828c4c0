"""The 82,115 noun synsets of WordNet 3.0, by ImageNet's wnid: the letter n and the offset in eight digits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.ops.wordnet_files import LEXICOGRAPHER_FILES, Synset, read_synsets

NOUN_SYNSETS = 82_115
BRANCHES = tuple(name.removeprefix("noun.") for name in LEXICOGRAPHER_FILES if name.startswith("noun."))
"""The 26 broad branches of the nouns; `Tops` has what is above all others, such as entity."""


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun synset. `hypernyms` are wnids, those of instances (Einstein is a physicist) included."""

    wnid: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]
    gloss: str
    branch: str = "Tops"


def read_nouns(wordnet: Path) -> dict[str, Noun]:
    """Return all noun synsets by wnid, in the order of wnids."""
    return {synset.key: _noun(synset) for synset in read_synsets(wordnet, "noun")}


def branch(noun: Noun) -> str:
    """Return the branch of `BRANCHES` to show a noun in.

    WordNet files the heads of its branches (animal, plant, food, …) under Tops; here they belong to their branch.
    """
    if noun.branch != "Tops":
        return noun.branch
    return next((lemma for lemma in noun.lemmas if lemma in BRANCHES), noun.branch)


def _noun(synset: Synset) -> Noun:
    return Noun(
        wnid=synset.key,
        lemmas=synset.lemmas,
        hypernyms=synset.targets("@", "@i"),
        gloss=synset.gloss,
        branch=synset.lexicographer_file.removeprefix("noun."),
    )
