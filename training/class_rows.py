"""The rows of a published version as what classifiers learn from: which class each is of, and what each serves for."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.class_splits import SEEN, ClassSplit, open_class_splits
from storage.lineage import Origin
from storage.reading import OpenVersion, open_version
from storage.tiers import Tiers
from storage.versions import Version
from tasks.ops.class_splitting import LEARN, TEST, row_roles
from training.sources import PickedRows, Source, StoredRows

IMAGES, TARGETS = "images", "targets"
"""The arrays of such a source: pictures, `(n, side, side, 3)` uint8, and `(n,)` int64 indices into the classes."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassRows:
    """An open version and the classes that are learnt: all of its classes, or the seen ones of a class split."""

    version: OpenVersion[Version]
    split: ClassSplit
    """Where no published one was named, the split in which all classes are seen."""
    roles: NDArray[np.str_]
    """What each row serves for, as `row_roles` says, `(n,)`."""
    origins: tuple[Origin, ...]
    """The version and the class split."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels in the version of the classes that are learnt, ascending, `(classes,)`."""
        return self.split.seen_labels

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that are learnt; a target is an index into them."""
        return tuple(self.version.classes[label] for label in self.labels.tolist())

    @property
    def targets(self) -> NDArray[np.int64]:
        """The class of each row as an index into `classes`, -1 where it is of none, `(n,)`."""
        of_label = np.full(len(self.version.classes), -1, np.int64)
        of_label[self.labels] = np.arange(len(self.labels))
        return of_label[self.version.labels]

    def source(self, side: int, role: str, *, limit: int | None = None) -> Source:
        """Return the pictures at `side` pixels and the targets of the rows of a role, at most `limit` of them.

        Raises:
            UnknownDataset: the version has no pictures of that size.
            ValueError: no row has that role.
        """
        rows = np.flatnonzero(self.roles == role)[:limit]
        if not rows.size:
            names, counts = np.unique(self.roles, return_counts=True)
            found = ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
            raise ValueError(
                f"version {self.version.version.number} has no row of the role {role!r}; it has: {found or 'none'}"
            )
        return PickedRows(StoredRows({IMAGES: self.version.rows(side)}, {TARGETS: self.targets}), rows)


def open_class_rows(
    tiers: Tiers,
    dataset: str,
    *,
    number: int | None,
    splits: str | None = None,
    splits_number: int | None = None,
    seed: int = 0,
    resources: ExitStack,
) -> ClassRows:
    """Open a version of `dataset` and, if `splits` names one, the class split of `seed`.

    Raises:
        UnknownDataset: there is no such dataset, version or split.
        ValueError: the split is one of other classes.
    """
    version = resources.enter_context(open_version(tiers, dataset, number=number))
    origins = [Origin("rows", dataset, version.version.number, version.version.identity)]
    if splits is None:
        split = all_seen(version.classes)
    else:
        opened = resources.enter_context(open_class_splits(tiers, splits, number=splits_number))
        split = opened.split(seed)
        origins.append(Origin("class split", splits, opened.version.number, opened.version.identity))
        _require_same_classes(split, version, splits=splits)
    roles = row_roles(version.labels, version.splits, version.ids, split)
    return ClassRows(version, split, roles, tuple(origins))


def all_seen(classes: tuple[str, ...]) -> ClassSplit:
    """Return the split in which every class is seen; it knows no nouns."""
    count = len(classes)
    return ClassSplit(
        names=classes,
        is_noun=np.zeros(count, bool),
        labels=np.arange(count, dtype=np.int32),
        roles=np.full(count, SEEN),
        hops=np.zeros(count, np.int32),
    )


def _require_same_classes(split: ClassSplit, version: OpenVersion[Version], *, splits: str) -> None:
    """Check that each label of a split is that class of the version; a version that has more keeps the old labels."""
    named = {label: name for label, name in zip(split.labels.tolist(), split.names, strict=True) if label >= 0}
    unlike = [label for label, name in named.items() if version.classes[label : label + 1] != (name,)]
    if unlike:
        label = unlike[0]
        own = version.classes[label] if label < len(version.classes) else "none"
        raise ValueError(
            f"{splits} splits other classes: label {label} is {named[label]} there, and {own} in version "
            f"{version.version.number}; name a split of this dataset, or make one: imagemill splits"
        )


__all__ = ["IMAGES", "LEARN", "TARGETS", "TEST", "ClassRows", "all_seen", "open_class_rows"]
