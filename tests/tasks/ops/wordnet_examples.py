"""WordNet for tests: the one that Debian installs, and a handful of synsets in the same format."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tasks.ops.wordnet_files import LEXICOGRAPHER_FILES, Synset
from tasks.ops.wordnet_nouns import Noun, read_nouns
from tasks.ops.wordnet_source import FILES

DEBIAN = Path("/usr/share/wordnet")
needs_wordnet = pytest.mark.skipif(
    not (DEBIAN / "data.noun").exists() or not (DEBIAN / "index.sense").exists(),
    reason="needs Debian's WordNet: apt-get install wordnet-base wordnet-sense-index",
)


@cache
def real_nouns() -> dict[str, Noun]:
    return read_nouns(DEBIAN)


def write_complete_wordnet(folder: Path) -> Path:
    """Copy Debian's files into a new folder, and add the `lexnames` that they lack and NLTK wants."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(DEBIAN / name, folder / name)
    (folder / "lexnames").write_text("00\tadj.all\t3\n")
    return folder


def data_line(synset: Synset) -> str:
    """The line of a synset as wndb(5WN) describes it."""
    words = [f"{lemma} {number:x}" for number, lemma in enumerate(synset.lemmas)]
    pointers = [f"{symbol} {key[1:]} {key[0]} 0000" for symbol, key in synset.pointers]
    number = LEXICOGRAPHER_FILES.index(synset.lexicographer_file)
    fields = [synset.key[1:], f"{number:02d}", synset.key[0], f"{len(words):02x}", *words, f"{len(pointers):03d}"]
    return " ".join([*fields, *pointers, "|", synset.gloss]) + "  \n"


def write_wordnet(folder: Path, synsets: Iterable[Synset]) -> Path:
    """Write the data files of all four parts of speech."""
    files = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
    lines = {part: ["  1 This software and database is being provided to you  \n"] for part in files.values()}
    for synset in sorted(synsets, key=lambda each: each.key):
        lines[files[synset.key[0]]].append(data_line(synset))
    folder.mkdir(parents=True)
    for part, written in lines.items():
        (folder / f"data.{part}").write_text("".join(written), encoding="utf-8")
    return folder


def noun(wnid: str, lemmas: str, *pointers: tuple[str, str], gloss: str = "a thing") -> Synset:
    return Synset(wnid, "noun.animal", tuple(lemmas.split()), pointers, gloss)


KENNEL = (
    noun("n00000010", "animal beast", ("~", "n00000020"), ("~", "n00000050"), gloss="a living being that moves"),
    noun(
        *("n00000020", "dog domestic_dog", ("@", "n00000010"), ("~", "n00000030"), ("~i", "n00000040")),
        *(("#m", "n00000060"), ("%p", "n00000070")),
        gloss='a domestic animal that has been kept by man as a guide dog; "the dog barked all night"',
    ),
    noun("n00000030", "guide_dog", ("@", "n00000020"), gloss="a dog that leads people who are blind"),
    noun(
        "n00000040", "Laika", ("@i", "n00000020"), gloss='the first dog in space; "Laika flew in 1957"; "poor Laika!"'
    ),
    noun("n00000050", "cat true_cat", ("@", "n00000010"), gloss="an animal with soft fur"),
    noun("n00000060", "pack", ("%m", "n00000020"), gloss="dogs that hunt together"),
    noun("n00000070", "flag", ("#p", "n00000020"), gloss="a tail that wags"),
    Synset("v00000010", "verb.communication", ("bark",), (), "make barking sounds"),
    Synset("a00000010", "adj.all", ("blind",), (), 'unable to see; "a blind dog"'),
    Synset("r00000010", "adv.all", ("together",), (), "with each other"),
)
"""Nouns with every kind of relation that walks follow, and one synset of each other part of speech."""
