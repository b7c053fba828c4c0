"""Which disk a byte is read from. The slow root is the authority; the fast one holds copies that may vanish."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.layout import DatasetFolder
from storage.receipts import StoredObject, is_present

Access = Literal["sequential", "random"]
Reading = Access | Literal["glance"]
"""A glance is random access that leaves no trace: nothing is held, and what is read may be collected any time."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """The two roots; they may be the same folder. `fast_budget` is what copies may take on the fast one, in bytes."""

    slow: Path
    fast: Path
    fast_budget: int | None = None

    def authority(self, dataset: str) -> DatasetFolder:
        """Return the dataset's folder on the slow root, where everything is published."""
        return DatasetFolder.below(self.slow, dataset)

    def cache(self, dataset: str) -> DatasetFolder:
        """Return the dataset's folder on the fast root."""
        return DatasetFolder.below(self.fast, dataset)

    @property
    def is_split(self) -> bool:
        """Tell whether there are two disks to choose from."""
        return self.slow.resolve() != self.fast.resolve()

    def resolve(self, dataset: str, stored: StoredObject, access: Reading) -> Path:
        """Return the path to read an object from: sequential access goes to the slow root, any other to a fast copy.

        Where there is no copy, it is the slow root's path.
        """
        cache = self.cache(dataset)
        if access != "sequential" and self.is_split and is_present(cache, stored):
            return cache.objects / stored.name
        return self.authority(dataset).objects / stored.name
