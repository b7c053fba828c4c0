"""Word maps: a vector for each noun of WordNet, and for each class of a dataset, published as a bundle.

A bundle of the kind "words" has the files `vectors` (a folder, docs/formats.md: word vectors), `nouns.npy` with
`nouns.parquet`, and `classes-<dataset>.npy` with `classes-<dataset>.parquet` for each dataset that was asked for.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.bundle_files import tell_of_damaged_copy, whole_file
from storage.bundles import Bundle, current_bundle, read_bundle
from storage.errors import DamagedDataset, UnknownDataset
from storage.holding import held_version
from storage.npy_files import mapped_npy
from storage.parquet import read_table
from storage.pins import Pin
from storage.tiers import Tiers
from storage.word_vectors import WordVectors, open_word_vectors

WORDS = "words"
"""The kind of such a bundle and of its dataset, and the name that a dataset of word maps has by default."""
VECTORS, NOUNS, CLASSES = "vectors", "nouns", "classes-"

MAP_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("lemmas", pa.list_(pa.string())),
        ("branch", pa.string()),
        ("gloss", pa.string()),
        ("rule", pa.string()),
        ("words", pa.list_(pa.string())),
        ("has_own_vector", pa.bool_()),
        ("same_vector", pa.list_(pa.string())),
    ]
)
"""A row for each noun or class, in the order of its vectors.

`name` is the wnid, or the class as the dataset spells it. `rule` is the rule that found its vector, "no vector" where
none did (its vector is all zeros then), and `words` those whose vectors were averaged. Where `has_own_vector` is false,
no vector of its own tells it apart from others, of which `same_vector` names those of the same map, the first 20 if
they are more.
"""


class WordMap:
    """Unit vectors and what they stand for, row by row."""

    def __init__(self, vectors: NDArray[np.float32], table: pa.Table) -> None:
        self.vectors = vectors
        """`(n, dimensions)` float32, each of length 1, or all zeros where there is no vector; read-only."""
        self.table = table
        """Columns as in `MAP_SCHEMA`."""

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The wnid or class of each row."""
        return tuple(self.table["name"].to_pylist())

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each wnid or class."""
        return {name: row for row, name in enumerate(self.names)}

    @cached_property
    def lemmas(self) -> list[list[str]]:
        """The lemmas of each row, the most usual first, with `_` for spaces."""
        return self.table["lemmas"].to_pylist()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The most usual lemma of each row, its name where there is none."""
        return tuple(lemmas[0] if lemmas else name for name, lemmas in zip(self.names, self.lemmas, strict=True))

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """The rule that found the vector of each row."""
        return tuple(self.table["rule"].to_pylist())

    @cached_property
    def has_vector(self) -> NDArray[np.bool_]:
        """Which rows have a vector, `(n,)`."""
        return np.asarray(self.vectors.any(axis=1))

    @cached_property
    def has_own_vector(self) -> NDArray[np.bool_]:
        """Which rows have a vector that is no other's, `(n,)`: zero-shot evaluation takes these only."""
        return self.table["has_own_vector"].to_numpy(zero_copy_only=False)


def open_word_maps(tiers: Tiers, dataset: str = WORDS, *, number: int | None = None) -> OpenWordMaps:
    """Open the current version of the word maps `dataset`, or version `number`.

    Raises:
        UnknownDataset: there is no such dataset or version, or it is one of images.
    """
    bundle, held = held_version(tiers, dataset, number, current=current_bundle, read=read_bundle, making="words --name")
    return OpenWordMaps(tiers, dataset, bundle, held)


class OpenWordMaps:
    """Published word maps, open for reading; a context manager. They stay mapped for as long as somebody has them."""

    def __init__(self, tiers: Tiers, dataset: str, bundle: Bundle, held: Pin) -> None:
        self.version = bundle
        self._tiers, self._dataset, self._held = tiers, dataset, held

    def __enter__(self) -> OpenWordMaps:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def nouns(self) -> WordMap:
        """The map of all nouns of WordNet."""
        return self._map(NOUNS)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Return the datasets whose classes have a map."""
        names = (Path(file.name) for file in self.version.files if file.name.startswith(CLASSES))
        return tuple(sorted(name.stem.removeprefix(CLASSES) for name in names if name.suffix == ".npy"))

    def classes(self, dataset: str) -> WordMap:
        """Return the map of the classes of `dataset`.

        Raises:
            UnknownDataset: it has none.
        """
        if dataset not in self.datasets:
            known = ", ".join(self.datasets) or "none"
            raise UnknownDataset(
                f"version {self.version.number} of {self._dataset} has no map of the classes of {dataset}; it has: "
                f"{known}. Run: imagemill words --dataset {dataset}"
            )
        return self._map(f"{CLASSES}{dataset}")

    @cached_property
    def vectors(self) -> WordVectors:
        """All words that have a vector, not only nouns."""
        stored = self.version.file(VECTORS)
        path = self._tiers.resolve(self._dataset, stored, "random")
        original = self._tiers.authority(self._dataset).objects / stored.name
        try:
            return open_word_vectors(path)
        except DamagedDataset as error:
            if path == original:
                raise
            tell_of_damaged_copy(path, self._dataset, str(error))
        return open_word_vectors(original)

    def close(self) -> None:
        """Let go of the version."""
        self._held.close()

    def _map(self, name: str) -> WordMap:
        files = [self.version.file(f"{name}{suffix}") for suffix in (".npy", ".parquet")]
        matrix, table = (whole_file(self._tiers, self._dataset, stored) for stored in files)
        found = WordMap(mapped_npy(matrix, "<f4", 2), read_table(table, MAP_SCHEMA))
        if len(found.vectors) != found.table.num_rows:
            raise DamagedDataset(f"{matrix} has {len(found.vectors)} rows, and {table} {found.table.num_rows}")
        return found
