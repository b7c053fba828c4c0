"""The one way to read a dataset: `open_version` gives its rows as one array for each size, whatever the format."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.digests import object_digest
from storage.errors import DamagedDataset, UnknownDataset
from storage.holding import found_version, held_version
from storage.pair_versions import PairVersion, RowVersion, current_pairs, read_pair_version
from storage.pins import Pin
from storage.receipts import is_present
from storage.row_tables import read_rows_table
from storage.sized_rows import SizedRows
from storage.tiers import Reading, Tiers
from storage.versions import Version, current_version, read_version

Rows = TypeVar("Rows", bound=RowVersion)


def open_version(
    tiers: Tiers, dataset: str, *, number: int | None = None, access: Reading = "random", check: bool = True
) -> OpenVersion[Version]:
    """Open the current version of `dataset`, or version `number`; nothing of it is collected until it is closed.

    `access` says how rows will be read, which decides the disk; who only glances at them holds nothing, and may find
    them gone. With `check`, every chunk that is read is
    compared with the checksum of what was written.

    Raises:
        UnknownDataset: there is no such dataset or version.
    """
    choose = found_version if access == "glance" else held_version
    version, held = choose(tiers, dataset, number, current=current_version, read=read_version)
    return OpenVersion(tiers, dataset, version, access=access, check=check, held=held)


def open_pairs(
    tiers: Tiers, dataset: str, *, number: int | None = None, access: Reading = "random", check: bool = True
) -> OpenVersion[PairVersion]:
    """Open pairs as `open_version` opens images; `array(GOOD)` and `array(BAD)` have their rows, one beside the other.

    Raises:
        UnknownDataset: there is no such dataset or version, or it is not one of pairs.
    """
    choose = found_version if access == "glance" else held_version
    version, held = choose(
        tiers, dataset, number, current=current_pairs, read=read_pair_version, making="pairs … --name"
    )
    return OpenVersion(tiers, dataset, version, access=access, check=check, held=held)


class OpenVersion(Generic[Rows]):
    """A published version, open for reading; a context manager. The row tables are columns of equal length."""

    def __init__(
        self, tiers: Tiers, dataset: str, version: Rows, *, access: Reading, check: bool, held: Pin | None = None
    ) -> None:
        self.version = version
        self._held = held
        self._tiers, self._dataset, self._check = tiers, dataset, check
        self._access: Reading = access
        self._arrays: dict[int, SizedRows] = {}

    def __enter__(self) -> OpenVersion[Rows]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self.version.stored

    @property
    def sides(self) -> tuple[int, ...]:
        """Return the sizes that were published, in pixels."""
        return self.version.sides

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class of each label."""
        return self.version.classes

    def rows(self, side: int) -> SizedRows:
        """Return the rows at `side` pixels, `(n, side, side, 3)` uint8 RGB when sliced."""
        if side not in self.sides:
            raise UnknownDataset(f"{self._dataset} has no size {side}; it has: {', '.join(map(str, self.sides))}")
        return self.array(self.sides.index(side))

    def array(self, place: int) -> SizedRows:
        """Return the rows of one of a shard's arrays: that of the size `sides[place]`, `GOOD` or `BAD` of pairs."""
        if place not in self._arrays:
            self._arrays[place] = SizedRows(
                self._tiers, self._dataset, self.version, place, access=self._access, check=self._check
            )
        return self._arrays[place]

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The label of each row, `(n,)` int64, an index into `classes`."""
        return self._table["label"].to_numpy()

    @cached_property
    def ids(self) -> NDArray[np.uint64]:
        """The id of each row, `(n,)` uint64; the same input has the same id in every version."""
        return self._table["id"].to_numpy()

    @cached_property
    def splits(self) -> NDArray[np.str_]:
        """The split of each row, `(n,)` of "train", "valid" or "test"."""
        return self._table["split"].to_numpy().astype(str)

    def path(self, row: int) -> str:
        """Return the path of the image that `row` was made from, escaped, relative to the source's root."""
        return self._table["name"][row].as_py()

    def source(self, row: int) -> str:
        """Return the BLAKE3 of the image file that `row` was made from."""
        return self._table["source"][row].as_py()

    def sources(self, rows: slice) -> tuple[str, ...]:
        """Return the BLAKE3 of the image file of each row of a slice."""
        return tuple(self._table["source"].slice(rows.start, rows.stop - rows.start).to_pylist())

    def close(self) -> None:
        """Close every shard that is open, and let go of the version."""
        if self._held is not None:
            self._held.close()
        for rows in self._arrays.values():
            rows.close()
        self._arrays.clear()

    @cached_property
    def _table(self):
        path = self._tiers.resolve(self._dataset, self.version.table, "sequential")
        is_whole = is_present(self._tiers.authority(self._dataset), self.version.table)
        if not is_whole or (self._check and object_digest(path) != self.version.table.digest):
            raise DamagedDataset(
                f"{path} is missing or is not the table of rows that was published",
                path=path,
                remedy=f"run: imagemill repair {self._dataset}",
            )
        return read_rows_table(path, rows=self.version.stored, classes=len(self.version.classes))
