"""The one way to read a dataset: `open_version` gives its rows as one array for each size, whatever the format."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from storage.array_formats import ArrayRows, array_format, chunk_ranges
from storage.digests import chunk_crc, object_digest
from storage.errors import DamagedDataset, UnknownDataset
from storage.parquet import read_table
from storage.receipts import published_receipt
from storage.row_tables import ROWS_SCHEMA
from storage.tiers import Access, Tiers
from storage.versions import Version, VersionShard, current_version, read_version

OPEN_SHARDS = 64
"""How many shards of one size are kept open at once."""


def open_version(
    tiers: Tiers, dataset: str, *, number: int | None = None, access: Access = "random", check: bool = True
) -> OpenVersion:
    """Open the current version of `dataset`, or version `number`.

    `access` says how rows will be read, which decides the disk. With `check`, every chunk that is read is
    compared with the checksum of what was written.

    Raises:
        UnknownDataset: there is no such dataset or version.
    """
    folder = tiers.authority(dataset)
    version = current_version(folder) if number is None else read_version(folder, number)
    if version is None:
        raise UnknownDataset(f"{folder.path} holds no published version; run: imagemill prepare … --dataset {dataset}")
    return OpenVersion(tiers, dataset, version, access=access, check=check)


class OpenVersion:
    """A published version, open for reading; a context manager. The row tables are columns of equal length."""

    def __init__(self, tiers: Tiers, dataset: str, version: Version, *, access: Access, check: bool) -> None:
        self.version = version
        self._tiers, self._dataset, self._check = tiers, dataset, check
        self._access: Access = access
        self._sizes: dict[int, SizedRows] = {}

    def __enter__(self) -> OpenVersion:
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
        return self.version.parameters.sides

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class of each label."""
        return self.version.classes

    def rows(self, side: int) -> SizedRows:
        """Return the rows at `side` pixels, `(n, side, side, 3)` uint8 RGB when sliced."""
        if side not in self.sides:
            raise UnknownDataset(f"{self._dataset} has no size {side}; it has: {', '.join(map(str, self.sides))}")
        if side not in self._sizes:
            self._sizes[side] = SizedRows(
                self._tiers, self._dataset, self.version, side, access=self._access, check=self._check
            )
        return self._sizes[side]

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

    def close(self) -> None:
        """Close every shard that is open."""
        for rows in self._sizes.values():
            rows.close()
        self._sizes.clear()

    @cached_property
    def _table(self):
        path = self._tiers.resolve(self._dataset, self.version.table, "sequential")
        if self._check and (not path.is_file() or object_digest(path) != self.version.table.digest):
            raise DamagedDataset(f"{path} is missing or is not the table of rows that was published")
        table = read_table(path, ROWS_SCHEMA)
        if table.num_rows != self.version.stored:
            raise DamagedDataset(f"{path} should list {self.version.stored} rows, it lists {table.num_rows}")
        return table


class SizedRows:
    """All rows of a version at one size, read by slice or by an array of row numbers."""

    def __init__(self, tiers: Tiers, dataset: str, version: Version, side: int, *, access: Access, check: bool) -> None:
        self._tiers, self._dataset, self._side, self._check = tiers, dataset, side, check
        self._access: Access = access
        self._place = version.parameters.sides.index(side)
        self._format = array_format(version.parameters.array_format)
        self._shards = [shard for shard in version.shards if shard.rows]
        self._starts = np.cumsum([0, *(shard.rows for shard in self._shards)])
        self._open: OrderedDict[int, tuple[ArrayRows, tuple[int, ...]]] = OrderedDict()

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self), self._side, self._side, 3)

    def __getitem__(self, rows: slice | int | list[int] | NDArray[np.integer | np.bool_]) -> NDArray[np.uint8]:
        """Return `(n, side, side, 3)` for a slice or an array of row numbers, `(side, side, 3)` for one number.

        An array of n booleans stands for the numbers of the rows where it is true.
        """
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            return self._consecutive(start, stop) if step == 1 else self._scattered(np.arange(start, stop, step))
        if isinstance(rows, int | np.integer):
            return self._scattered(np.array([rows]))[0]
        return self._scattered(self._row_numbers(np.asarray(rows)))

    def close(self) -> None:
        """Close the shards that are open."""
        for rows, _ in self._open.values():
            rows.close()
        self._open.clear()

    def _row_numbers(self, rows: NDArray[np.generic]) -> NDArray[np.int64]:
        if rows.dtype == np.bool_ and rows.shape == (len(self),):
            return np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
            raise IndexError(
                f"rows are picked by a slice, an array of row numbers or an array of {len(self)} booleans, "
                f"got {rows.ndim}-dimensional {rows.dtype} of shape {rows.shape}"
            )
        return rows.astype(np.int64)

    def _consecutive(self, start: int, stop: int) -> NDArray[np.uint8]:
        blocks = [np.empty((0, self._side, self._side, 3), np.uint8)]
        while start < stop:
            shard = self._shard_of(start)
            end = min(stop, int(self._starts[shard + 1]))
            first = int(self._starts[shard])
            blocks.append(self._read(shard, slice(start - first, end - first)))
            start = end
        return np.concatenate(blocks)

    def _scattered(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        wanted = np.where(rows < 0, rows + len(self), rows)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"rows must lie in -{len(self)}..{len(self) - 1}, got {rows.min()}..{rows.max()}")
        out = np.empty((len(wanted), self._side, self._side, 3), np.uint8)
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        first = 0
        while first < len(order):
            # A chunk is read once, however many of its rows are wanted.
            last = int(np.searchsorted(ascending, self._chunk_end(int(ascending[first]))))
            block = self._consecutive(int(ascending[first]), int(ascending[last - 1]) + 1)
            out[order[first:last]] = block[ascending[first:last] - ascending[first]]
            first = last
        return out

    def _chunk_end(self, row: int) -> int:
        """Return the row after the last one in the chunk that holds `row`."""
        shard = self._shard_of(row)
        start, stop = int(self._starts[shard]), int(self._starts[shard + 1])
        size = self._opened(shard)[0].spec.rows_per_chunk
        return min(start + ((row - start) // size + 1) * size, stop)

    def _shard_of(self, row: int) -> int:
        return int(np.searchsorted(self._starts, row, side="right")) - 1

    def _read(self, shard: int, rows: slice) -> NDArray[np.uint8]:
        """Return rows of one shard; with checking on, in whole chunks, each compared with its checksum."""
        array, crcs = self._opened(shard)
        if not self._check:
            return array[rows]
        size = array.spec.rows_per_chunk
        first_chunk = rows.start // size
        whole = slice(first_chunk * size, min(-(-rows.stop // size) * size, len(array)))
        block = array[whole]
        for chunk, part in enumerate(chunk_ranges(len(block), size), start=first_chunk):
            if chunk_crc(block[part]) != crcs[chunk]:
                raise DamagedDataset(
                    f"{self._path(self._shards[shard])}: chunk {chunk} (rows {chunk * size} on) is not what was "
                    "published; nothing of it was returned"
                )
        return block[rows.start - whole.start : rows.stop - whole.start]

    def _opened(self, shard: int) -> tuple[ArrayRows, tuple[int, ...]]:
        if shard in self._open:
            self._open.move_to_end(shard)
            return self._open[shard]
        self._open[shard] = self._open_shard(self._shards[shard])
        if len(self._open) > OPEN_SHARDS:
            _, (oldest, _) = self._open.popitem(last=False)
            oldest.close()
        return self._open[shard]

    def _open_shard(self, shard: VersionShard) -> tuple[ArrayRows, tuple[int, ...]]:
        path = self._path(shard)
        array = self._format.open(path)
        try:
            if (len(array), array.spec.side) != (shard.rows, self._side):
                raise DamagedDataset(
                    f"{path} should hold {shard.rows} rows of {self._side} pixels, "
                    f"it holds {len(array)} of {array.spec.side}"
                )
            return array, self._checksums(shard, array.spec.rows_per_chunk) if self._check else ()
        except BaseException:
            array.close()
            raise

    def _checksums(self, shard: VersionShard, rows_per_chunk: int) -> tuple[int, ...]:
        receipt = published_receipt(self._tiers.authority(self._dataset), shard.key, shard.identity)
        for array in receipt.arrays:
            if (array.side, array.rows_per_chunk) == (self._side, rows_per_chunk):
                return array.chunk_crcs
        raise DamagedDataset(
            f"{self._path(shard)} should have the chunks that its receipt states, it has {rows_per_chunk} rows in each"
        )

    def _path(self, shard: VersionShard):
        return self._tiers.resolve(self._dataset, shard.objects[self._place], self._access)
