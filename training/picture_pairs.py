"""Two pictures of each row, one to learn from and one to come to: of pairs, or two sizes of one published version."""

from __future__ import annotations

from contextlib import ExitStack

from storage.errors import UnknownDataset
from storage.pair_versions import BAD, GOOD, PairVersion
from storage.publishing import current_published, read_published
from storage.reading import OpenVersion, open_pairs, open_version
from storage.tiers import Tiers
from training.sources import StoredRows

LARGE, SMALL = "large", "small"
"""What the pictures of a row are called in a source: the good one, and the bad one."""


def open_picture_pairs(
    tiers: Tiers, dataset: str, *, number: int | None, large: int, small: int, resources: ExitStack
) -> tuple[StoredRows, OpenVersion]:
    """Open a version of `dataset`; return the pictures of its rows at `large` and at `small` pixels, and the version.

    Raises:
        UnknownDataset: there is no such dataset or version, or it has other sizes.
    """
    folder = tiers.authority(dataset)
    found = current_published(folder) if number is None else read_published(folder, number)
    if not isinstance(found, PairVersion):
        version = resources.enter_context(open_version(tiers, dataset, number=number))
        return StoredRows({SMALL: version.rows(small), LARGE: version.rows(large)}), version
    if found.sides != (large, small):
        raise UnknownDataset(
            f"{dataset} has pairs of {found.sides[GOOD]} and {found.sides[BAD]} pixels, not of {large} and {small}: "
            f"set large = {found.sides[GOOD]} and small = {found.sides[BAD]}, or make other pairs"
        )
    pairs = resources.enter_context(open_pairs(tiers, dataset, number=number))
    return StoredRows({SMALL: pairs.array(BAD), LARGE: pairs.array(GOOD)}), pairs
