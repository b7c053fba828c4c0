"""Features: one vector for each row of a published version, made by an image encoder, published as a bundle.

A bundle of the kind "features" has `features.json`, which tells of what they were made, and for each shard of the
source version `features-00000.npy` and so on, its rows in the order of the version's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from storage.bundle_files import whole_file
from storage.bundles import Bundle, current_bundle, read_bundle
from storage.errors import DamagedDataset, UnknownDataset
from storage.holding import held_version
from storage.json_text import NotDecoded, decoded
from storage.layout import DatasetFolder
from storage.npy_files import mapped_npy
from storage.pins import Pin
from storage.plain_files import read_file
from storage.tiers import Tiers

FEATURES = "features"
"""The kind of such a bundle and of its dataset."""
FACTS = "features.json"


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """The version that the rows are those of."""

    dataset: str
    number: int
    identity: str


@dataclass(frozen=True, slots=True)
class FeatureFacts:
    """The content of `features.json`.

    `encoder` names what made the vectors, such as "backbone@3", and `encoder_digest` hashes it. `size` is the side of
    the pictures in pixels, `precision` what the encoder computed in, and `rows` how many each shard has.
    """

    source: FeatureSource
    encoder: str
    encoder_digest: str
    size: int
    dimensions: int
    precision: str
    rows: tuple[int, ...]


def features_name(dataset: str, encoder: str) -> str:
    """Return the name that the features of a dataset have where nothing else is said: `encoder` is a model's name."""
    return f"{FEATURES}-{dataset}-{encoder}"


def shard_file(place: int) -> str:
    """Return what the vectors of a shard are called in the bundle."""
    return f"{FEATURES}-{place:05d}.npy"


def open_features(tiers: Tiers, name: str, *, number: int | None = None) -> OpenFeatures:
    """Open the current version of the features `name`, or version `number`.

    Raises:
        UnknownDataset: there is no such dataset or version, or it is one of something else.
        DamagedDataset: what tells of them is not what was published.
    """
    bundle, held = held_version(
        tiers, name, number, current=current_features, read=read_features, making="features … --name"
    )
    try:
        return OpenFeatures(tiers, name, bundle, held)
    except BaseException:
        held.close()
        raise


class OpenFeatures:
    """Published features, open for reading; a context manager. They stay mapped for as long as somebody has them.

    The bytes of a shard are compared with what was published when it is first asked for.
    """

    def __init__(self, tiers: Tiers, name: str, bundle: Bundle, held: Pin) -> None:
        self.version = bundle
        self._tiers, self._name, self._held = tiers, name, held
        self.facts = self._read_facts()
        self._starts = list(accumulate(self.facts.rows, initial=0))
        self._shards: dict[int, NDArray[np.float32]] = {}

    def __enter__(self) -> OpenFeatures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def source(self) -> FeatureSource:
        """The version that the rows are those of."""
        return self.facts.source

    @property
    def encoder(self) -> str:
        """What made the vectors, such as "backbone@3"."""
        return self.facts.encoder

    @property
    def size(self) -> int:
        """The side of the pictures that the encoder saw, in pixels."""
        return self.facts.size

    @property
    def dimensions(self) -> int:
        """The length of each vector."""
        return self.facts.dimensions

    @cached_property
    def matrix(self) -> NDArray[np.float32]:
        """All vectors, `(n, dimensions)` float32, read-only: mapped where there is one shard, else in memory."""
        parts = [part for _, part in self.blocks()]
        if len(parts) == 1:
            return parts[0]
        whole = np.concatenate([np.empty((0, self.dimensions), np.float32), *parts])
        whole.flags.writeable = False
        return whole

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the number of the first row and the vectors of each shard, `(rows, dimensions)` float32, mapped."""
        for place, start in enumerate(self._starts[:-1]):
            yield start, self._shard(place)

    def read(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the vectors of the rows of these numbers, `(n,)`, as `(n, dimensions)` float32.

        Raises:
            IndexError: there is no such row.
            DamagedDataset: they are not what was published.
        """
        wanted = np.asarray(rows)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows must lie in 0..{len(self) - 1}, got {wanted.min()}..{wanted.max()}")
        found = np.empty((len(wanted), self.dimensions), np.float32)
        places = np.searchsorted(self._starts, wanted, side="right") - 1
        for place in np.unique(places).tolist():
            chosen = places == place
            found[chosen] = self._shard(place)[wanted[chosen] - self._starts[place]]
        return found

    def close(self) -> None:
        """Let go of the version."""
        self._held.close()

    def _shard(self, place: int) -> NDArray[np.float32]:
        if place not in self._shards:
            path = self._whole(shard_file(place))
            found, need = mapped_npy(path, "<f4", 2), (self.facts.rows[place], self.dimensions)
            if found.shape != need:
                raise DamagedDataset(f"{path} has vectors of {found.shape}, not of {need}", path=path, need=str(need))
            self._shards[place] = found
        return self._shards[place]

    def _read_facts(self) -> FeatureFacts:
        path = self._whole(FACTS)
        try:
            facts = decoded(read_file(path), FeatureFacts)
        except NotDecoded as error:
            raise DamagedDataset(f"{path} does not tell of features: {error}", path=path) from error
        wanted = {FACTS, *map(shard_file, range(len(facts.rows)))}
        if {file.name for file in self.version.files} != wanted or min(facts.rows, default=0) < 0:
            raise DamagedDataset(f"{path} tells of {len(facts.rows)} shards, and the version has others", path=path)
        return facts

    def _whole(self, name: str) -> Path:
        return whole_file(self._tiers, self._name, self.version.file(name))


def current_features(folder: DatasetFolder) -> Bundle | None:
    """Return the current version of a dataset of features, if there is one.

    Raises:
        UnknownDataset: it is one of something else.
    """
    found = current_bundle(folder)
    return found and _of_features(folder, found)


def read_features(folder: DatasetFolder, number: int) -> Bundle:
    """Read one version; raise as `read_bundle`, or UnknownDataset where it is no version of features."""
    return _of_features(folder, read_bundle(folder, number))


def _of_features(folder: DatasetFolder, bundle: Bundle) -> Bundle:
    if bundle.kind != FEATURES:
        raise UnknownDataset(f"version {bundle.number} of {folder.name} is one of {bundle.kind:.40}, not of {FEATURES}")
    return bundle
