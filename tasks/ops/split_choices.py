"""What class splits are made of: the classes that word maps know, and for each split those that stay unseen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.errors import UnknownDataset
from storage.records import fingerprint
from storage.word_maps import OpenWordMaps
from tasks.ops.class_splitting import SPLITTING, chosen_unseen
from tasks.ops.selection import read_manifest

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SplitClasses:
    """The classes of a dataset as word maps know them; entry i is label i."""

    names: tuple[str, ...]
    words: tuple[str, ...]
    """The most usual lemma of each, for people."""
    branches: tuple[str, ...]
    has_own_vector: tuple[bool, ...]

    @property
    def eligible(self) -> tuple[str, ...]:
        """Those with a vector of their own: only they can be seen or unseen."""
        return tuple(name for name, own in zip(self.names, self.has_own_vector, strict=True) if own)


@dataclass(frozen=True, slots=True)
class SplitChoice:
    """One split to be made: its number, the classes that stay unseen, and for people how they were chosen."""

    number: int
    unseen: frozenset[str]
    told: str


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """What a version of class splits is made of: `digest` hashes all that decides it, `facts` tell of it."""

    digest: str
    facts: Facts


def classes_in(maps: OpenWordMaps, dataset: str, names: Sequence[str]) -> SplitClasses:
    """Return the classes `names` of `dataset` as word maps know them.

    Raises:
        UnknownDataset: the maps have no such dataset, or were made when it had other classes.
    """
    found = maps.classes(dataset)
    if lacking := [name for name in names if name not in found.rows]:
        raise UnknownDataset(
            f"the word maps know {len(names) - len(lacking)} of the {len(names)} classes of {dataset}, and not "
            f"{lacking[0]!r:.60}. Run: imagemill words --dataset {dataset}"
        )
    rows = [found.rows[name] for name in names]
    branches = found.table["branch"].to_pylist()
    return SplitClasses(
        names=tuple(names),
        words=tuple(found.labels[row] for row in rows),
        branches=tuple(branches[row] for row in rows),
        has_own_vector=tuple(bool(found.has_own_vector[row]) for row in rows),
    )


def choices_by_seed(classes: SplitClasses, *, seeds: Collection[int], share: float) -> tuple[SplitChoice, ...]:
    """Return for each seed the split that leaves `share` of the classes unseen.

    Raises:
        ValueError: no class would be left on one side.
    """
    return tuple(
        SplitChoice(seed, chosen_unseen(classes.eligible, seed=seed, share=share), f"seed {seed}, {share:g} unseen")
        for seed in sorted(set(seeds))
    )


def choices_by_file(classes: SplitClasses, files: Sequence[Path]) -> tuple[SplitChoice, ...]:
    """Return a split for each file that names the seen classes, one on each line, numbered from 0 in their order.

    Raises:
        ValueError: a file names what is no class of the dataset, or leaves no class on one side.
    """
    return tuple(_choice_of(number, path, classes) for number, path in enumerate(files))


def request_of(classes: SplitClasses, choices: Sequence[SplitChoice], *, wordnet: str, facts: Facts) -> SplitRequest:
    """Return what is asked for; `wordnet` is the digest of its files."""
    unseen = [[choice.number, sorted(choice.unseen)] for choice in choices]
    digest = fingerprint([SPLITTING, list(classes.names), list(classes.has_own_vector), wordnet, unseen])
    return SplitRequest(digest, (*facts, *((f"split {choice.number}", choice.told) for choice in choices)))


def _choice_of(number: int, path: Path, classes: SplitClasses) -> SplitChoice:
    named, eligible = set(read_manifest(path)), set(classes.eligible)
    if strangers := sorted(named - set(classes.names)):
        raise ValueError(f"{path} names {len(strangers)} that are no classes of the dataset, such as {strangers[0]!r}")
    unseen = eligible - named
    if not unseen or unseen == eligible:
        raise ValueError(
            f"{path} names {len(named & eligible)} of the {len(eligible)} classes with a vector of their own; at least "
            "one must be seen and one unseen"
        )
    return SplitChoice(number, frozenset(unseen), f"{path} names the seen classes")
