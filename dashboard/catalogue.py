"""The rows of a version as a person leafs through them: by class and by page, each a picture. Nothing is held."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.digests import object_digest
from storage.errors import DamagedDataset
from storage.pair_versions import PairVersion, RowVersion
from storage.parquet import read_row
from storage.reading import OpenVersion
from storage.row_tables import ROWS_SCHEMA, read_rows_table
from storage.tiers import Tiers
from storage.versions import Version

OpenRows = OpenVersion[Version] | OpenVersion[PairVersion]

COLUMNS = ("label", "split")
"""What a page of many rows tells of each. The rest, nine tenths of a table, stays where it is."""
THUMBNAIL = 128
"""The shorter edge that a small picture has at least, in pixels, if the version has it."""
KEPT = 4
"""So many versions are kept at hand, 9 MB for each million of their rows."""
MOST_OPEN = 256
"""After so many pictures the shards that are open are closed, with what is known of their checksums."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a page of many tells of one row."""

    number: int
    label: int
    split: str


@dataclass(frozen=True, slots=True)
class RowFacts:
    """All that is known of one row: `name` is the path of its image, escaped, `source` the BLAKE3 of that file."""

    row: Row
    name: str
    id: int
    source: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a class, or of all: `first` is the place of the first of them among `total`."""

    rows: tuple[Row, ...]
    first: int
    total: int


class Catalogue:
    """The rows of one version; may be used by several threads. A page takes as long at the end as at the beginning."""

    def __init__(self, tiers: Tiers, dataset: str, opened: OpenRows) -> None:
        version = opened.version
        path = tiers.resolve(dataset, version.table, "glance")
        if object_digest(path) != version.table.digest:
            raise DamagedDataset(
                f"{path} is not the table of rows that was published",
                path=path,
                remedy=f"run: imagemill repair {dataset}",
            )
        table = read_rows_table(path, rows=version.stored, classes=len(version.classes), columns=COLUMNS)
        self.version = version
        self._path = path
        self._opened = opened
        self._lock = threading.Lock()
        self._pictures = 0
        splits = table["split"].combine_chunks().dictionary_encode()
        self._split_names: list[str] = splits.dictionary.to_pylist()
        self._splits = splits.indices.to_numpy().astype(np.int8)
        # Half the bytes are sorted in a quarter of the time.
        self._labels = table["label"].to_numpy().astype(np.int16 if len(version.classes) < 2**15 else np.int32)
        # Rows by class, within a class in their own order: a page of any class is a slice.
        self._by_class = np.argsort(self._labels, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(self._labels[self._by_class], np.arange(len(version.classes) + 1))

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many rows each class has, `(classes,)`."""
        return np.diff(self._starts)

    def page(self, number: int, *, size: int, label: int | None = None) -> Page:
        """Return page `number`, from 0, of the rows of a class, or of all in their order; empty beyond the end."""
        first = number * size
        if label is None:
            total = len(self._labels)
            rows = np.arange(first, min(first + size, total))
        else:
            start, stop = self._starts[label : label + 2].tolist()
            total = stop - start
            rows = self._by_class[start + first : min(start + first + size, stop)]
        return Page(tuple(map(self.row, rows.tolist())), first, total)

    def row(self, number: int) -> Row:
        """Return what a page of many tells of a row."""
        return Row(number, int(self._labels[number]), self._split_names[self._splits[number]])

    def facts(self, number: int) -> RowFacts:
        """Return all that is known of a row.

        Raises:
            DamagedDataset: the table of rows was damaged or collected meanwhile.
        """
        found = read_row(self._path, ROWS_SCHEMA, number)
        return RowFacts(self.row(number), str(found["name"]), int(str(found["id"])), str(found["source"]))

    def first_of(self, split: str, count: int) -> tuple[int, ...]:
        """Return the first rows of a split, fewer where it has no more."""
        codes = [code for code, name in enumerate(self._split_names) if name == split]
        return tuple(np.flatnonzero(np.isin(self._splits, codes))[:count].tolist())

    def pixels(self, number: int, place: int) -> NDArray[np.uint8]:
        """Return a row, `(side, side, 3)` uint8 RGB, of the array at `place` among the version's sizes.

        Raises:
            DamagedDataset: it is not what was published, or was collected.
        """
        with self._lock:
            self._pictures += 1
            if self._pictures % MOST_OPEN == 0:
                self._opened.close()
            return self._opened.array(place)[number]

    def close(self) -> None:
        """Close the shards that are open."""
        with self._lock:
            self._opened.close()


class Catalogues:
    """The catalogues of the versions that were looked at last."""

    def __init__(self, tiers: Tiers, open_rows: Callable[[str, int], OpenRows]) -> None:
        self._tiers, self._open_rows = tiers, open_rows
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Catalogue] = OrderedDict()

    def of(self, dataset: str, version: RowVersion) -> Catalogue:
        """Return the catalogue of a version, which has been read already.

        Raises:
            DamagedDataset: its table of rows is not what was published.
        """
        key = (dataset, version.identity)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = Catalogue(self._tiers, dataset, self._open_rows(dataset, version.number))
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)[1].close()
            self._kept.move_to_end(key)
            return self._kept[key]


def place_of_thumbnails(sides: Sequence[int]) -> int:
    """Return which of a version's sizes small pictures are made of: the smallest that is large enough."""
    enough = [place for place, side in enumerate(sides) if side >= THUMBNAIL]
    return min(enough, key=sides.__getitem__) if enough else max(range(len(sides)), key=sides.__getitem__)


def as_jpeg(pixels: NDArray[np.uint8], *, edge: int) -> bytes:
    """Return `(h, w, 3)` uint8 RGB as a JPEG whose longer edge has at most `edge` pixels."""
    image = Image.fromarray(pixels)
    image.thumbnail((edge, edge), Image.Resampling.BOX)
    return _saved(image, "JPEG", quality=88)


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return `(h, w, 3)` uint8 RGB as a PNG of exactly these pixels."""
    return _saved(Image.fromarray(pixels), "PNG", compress_level=1)


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
