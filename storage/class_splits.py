"""Class splits: which classes of a dataset are learnt from, and which are kept unseen, published as a bundle.

A bundle of the kind "splits" has the file `hypernyms.parquet`, the graph in which hops are counted, and for each split
`split-<number>.parquet`; the number is the seed that chose the unseen classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.bundle_files import whole_file
from storage.bundles import Bundle, current_bundle, read_bundle
from storage.errors import DamagedDataset, UnknownDataset
from storage.holding import held_version
from storage.layout import DatasetFolder
from storage.parquet import read_table
from storage.pins import Pin
from storage.tiers import Tiers

SPLITS = "splits"
"""The kind of such a bundle and of its dataset."""
HYPERNYMS = "hypernyms.parquet"
_FILE = re.compile(r"split-(\d+)\.parquet")

SEEN, UNSEEN, OTHER, SET_ASIDE = "seen", "unseen", "other", "set aside"
ROLES = (SEEN, UNSEEN, OTHER, SET_ASIDE)
NO_LABEL = UNREACHABLE = -1

SPLIT_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("is_noun", pa.bool_()),
        ("label", pa.int32()),
        ("role", pa.string()),
        ("hops", pa.int32()),
    ]
)
"""A row for each noun of WordNet, in the order of the noun map; behind them one for each class that is no noun.

`label` is the index of the dataset's class, -1 where the noun is none. `role` is one of `ROLES`: a class that has no
vector of its own is set aside. `hops` counts the steps to the nearest seen class, up or down, -1 where there is no way.
"""
HYPERNYM_SCHEMA = pa.schema([("narrower", pa.int32()), ("broader", pa.int32())])
"""A row for each pair of a noun and what it is a kind or an instance of, as rows of the splits."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassSplit:
    """One split, row by row; row i of its nouns is row i of the noun map. All arrays are `(n,)`."""

    names: tuple[str, ...]
    """The wnid of each noun, or the class as the dataset spells it."""
    is_noun: NDArray[np.bool_]
    labels: NDArray[np.int32]
    """The dataset's label, -1 for what is none of its classes."""
    roles: NDArray[np.str_]
    """One of `ROLES`."""
    hops: NDArray[np.int32]
    """Steps over hypernyms and hyponyms to the nearest seen class: 0 for those, -1 where there is no way."""

    @property
    def seen_labels(self) -> NDArray[np.int64]:
        """The labels of the seen classes, ascending."""
        return self.labels_of(SEEN)

    @property
    def unseen_labels(self) -> NDArray[np.int64]:
        """The labels of the unseen classes, ascending."""
        return self.labels_of(UNSEEN)

    @property
    def set_aside_labels(self) -> NDArray[np.int64]:
        """The labels of the classes without a vector of their own, ascending."""
        return self.labels_of(SET_ASIDE)

    def labels_of(self, role: str) -> NDArray[np.int64]:
        """Return the labels of the classes with a role, ascending."""
        return np.sort(self.labels[self.roles == role]).astype(np.int64)

    def rows_of(self, labels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the row of each of `labels`, `(len(labels),)`.

        Raises:
            ValueError: one is no label of the dataset.
        """
        rows = np.full(max(int(self.labels.max(initial=-1)), int(np.max(labels, initial=-1))) + 1, -1, np.int64)
        classes = np.flatnonzero(self.labels != NO_LABEL)
        rows[self.labels[classes]] = classes
        if np.any(labels < 0) or np.any(rows[labels] < 0):
            raise ValueError(f"the split has {len(classes)} labels, got {np.unique(labels)}")
        return rows[labels]

    def nouns_within(self, hops: int | None, *, with_seen: bool) -> NDArray[np.int64]:
        """Return the nouns at most so many hops from a seen class, all nouns for None, as ascending rows.

        The "2-hop" and "3-hop" sets of Frome et al. (2013), seen classes among them or not. Whether a noun has a
        vector of its own, the noun map says.
        """
        wanted = self.is_noun if hops is None else self.is_noun & (self.hops != UNREACHABLE) & (self.hops <= hops)
        return np.flatnonzero(wanted if with_seen else wanted & (self.roles != SEEN))


def open_class_splits(tiers: Tiers, name: str, *, number: int | None = None) -> OpenClassSplits:
    """Open the current version of the class splits `name`, or version `number`.

    Raises:
        UnknownDataset: there is no such dataset or version, or it is one of something else.
    """
    bundle, held = held_version(tiers, name, number, current=_current, read=_read, making="splits … --name")
    return OpenClassSplits(tiers, name, bundle, held)


class OpenClassSplits:
    """Published class splits, open for reading; a context manager."""

    def __init__(self, tiers: Tiers, name: str, bundle: Bundle, held: Pin) -> None:
        self.version = bundle
        self._tiers, self._name, self._held = tiers, name, held

    def __enter__(self) -> OpenClassSplits:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The numbers of the splits, ascending."""
        found = (_FILE.fullmatch(file.name) for file in self.version.files)
        return tuple(sorted(int(name[1]) for name in found if name))

    def split(self, seed: int) -> ClassSplit:
        """Return the split of a seed.

        Raises:
            UnknownDataset: there is none of that seed.
            DamagedDataset: its file is not what was published.
        """
        if seed not in self.seeds:
            known = ", ".join(map(str, self.seeds))
            raise UnknownDataset(
                f"version {self.version.number} of {self._name} has no split {seed}; it has: {known}. Run imagemill "
                "splits with --seed for each that it shall have"
            )
        path = whole_file(self._tiers, self._name, self.version.file(split_file(seed)))
        split = _split(read_table(path, SPLIT_SCHEMA))
        if problem := _contradiction(split):
            raise DamagedDataset(f"{path} contradicts itself: {problem}", path=path)
        return split

    @cached_property
    def hypernyms(self) -> NDArray[np.int32]:
        """Pairs of a noun and what it is a kind or an instance of, `(m, 2)`, as rows of the splits."""
        path = whole_file(self._tiers, self._name, self.version.file(HYPERNYMS))
        table = read_table(path, HYPERNYM_SCHEMA)
        return np.stack([table[name].to_numpy() for name in HYPERNYM_SCHEMA.names], axis=1)


def split_file(seed: int) -> str:
    """Return what the split of a seed is called in the bundle."""
    return f"split-{seed}.parquet"


def split_table(split: ClassSplit) -> pa.Table:
    """Return a split as its table, columns as in `SPLIT_SCHEMA`."""
    columns = [list(split.names), split.is_noun, split.labels, split.roles.tolist(), split.hops]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SPLIT_SCHEMA, strict=True)], schema=SPLIT_SCHEMA
    )


def hypernym_table(pairs: NDArray[np.int32]) -> pa.Table:
    """Return `(m, 2)` pairs of rows as their table, columns as in `HYPERNYM_SCHEMA`."""
    return pa.table([pa.array(column) for column in pairs.T], schema=HYPERNYM_SCHEMA)


def _split(table: pa.Table) -> ClassSplit:
    return ClassSplit(
        names=tuple(table["name"].to_pylist()),
        is_noun=table["is_noun"].to_numpy(),
        labels=table["label"].to_numpy(),
        roles=np.array(table["role"].to_pylist(), str),
        hops=table["hops"].to_numpy(),
    )


def _contradiction(split: ClassSplit) -> str | None:
    """Return what cannot be of a table whose bytes are whole: then somebody else's program wrote it."""
    if unknown := set(np.unique(split.roles).tolist()) - set(ROLES):
        return f"it has the roles {_few(unknown)}, expected {', '.join(ROLES)}"
    labels = np.sort(split.labels[split.labels != NO_LABEL])
    if not np.array_equal(labels, np.arange(len(labels))):
        return f"{len(labels)} classes should have the labels from 0 to {len(labels) - 1}, each once"
    if not np.array_equal(split.labels == NO_LABEL, split.roles == OTHER):
        return "what is no class of the dataset, and nothing else, should have the role other"
    return None


def _few(texts: Iterable[str]) -> str:
    return ", ".join(repr(text[:40]) for text in sorted(texts)[:4])


def _current(folder: DatasetFolder) -> Bundle | None:
    found = current_bundle(folder)
    return found and _of_splits(folder, found)


def _read(folder: DatasetFolder, number: int) -> Bundle:
    return _of_splits(folder, read_bundle(folder, number))


def _of_splits(folder: DatasetFolder, bundle: Bundle) -> Bundle:
    if bundle.kind != SPLITS:
        raise UnknownDataset(f"version {bundle.number} of {folder.name} is one of {bundle.kind:.40}, not of {SPLITS}")
    return bundle
