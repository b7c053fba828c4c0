"""Chooses a version to read and holds it: while it is held, nothing that it stands on is collected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from storage.datasets import require_own_parts
from storage.errors import UnknownDataset
from storage.layout import DatasetFolder
from storage.pins import Pin, pin
from storage.publishing import AnyVersion
from storage.tiers import Tiers

READ_PARTS = ("versions", "receipts", "objects")
"""What a reader opens files in."""

Kind = TypeVar("Kind", bound=AnyVersion)


def held_version(
    tiers: Tiers,
    dataset: str,
    number: int | None,
    *,
    current: Callable[[DatasetFolder], Kind | None],
    read: Callable[[DatasetFolder, int], Kind],
    making: str = "prepare … --dataset",
) -> tuple[Kind, Pin]:
    """Return what `current` finds of `dataset`, or what `read` does of version `number`, and the pin that holds it.

    `making` is the command that makes such a dataset, for the error where there is none.

    Raises:
        UnknownDataset: there is no such dataset or version.
        DamagedDataset: what should be its folders are links.
    """
    folder = tiers.authority(dataset)
    while True:
        version, _ = found_version(tiers, dataset, number, current=current, read=read, making=making)
        held = pin(folder, version.number, (stored.name for stored in version.objects))
        # Whoever collects takes the record away first, and looks at the pins then: one of the two sees the other.
        if folder.version(version.number).exists():
            return version, held
        held.close()


def found_version(
    tiers: Tiers,
    dataset: str,
    number: int | None,
    *,
    current: Callable[[DatasetFolder], Kind | None],
    read: Callable[[DatasetFolder, int], Kind],
    making: str = "prepare … --dataset",
) -> tuple[Kind, None]:
    """Return what `held_version` does, and raise what it does, but hold nothing and write nothing."""
    folder = tiers.authority(dataset)
    require_own_parts(folder, READ_PARTS)
    version = current(folder) if number is None else read(folder, number)
    if version is None:
        raise UnknownDataset(f"{folder.path} holds no published version; run: imagemill {making} {dataset}")
    return version, None
