"""Where the parts of one dataset lie below a root; nothing else in the code joins these paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from storage.errors import DamagedDataset

PARTS = ("plans", "objects", "receipts", "versions", "spares", "refused", "tmp", "pins")
"""The folders that every dataset has."""
ON_DEMAND = ("trash", "logs", "promotions", "runs", "announced")
"""The folders that are made when something goes there."""
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IDENTITY = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """The folder `<root>/<dataset>`; docs/formats.md shows what each part holds."""

    path: Path

    @staticmethod
    def below(root: Path, dataset: str) -> DatasetFolder:
        """Return the folder of `dataset` below `root`; it need not exist."""
        if not NAME_PATTERN.fullmatch(dataset):
            raise ValueError(
                f"a dataset's name has letters, digits, '.', '_' and '-' only, at most 64, got {dataset!r}"
            )
        return DatasetFolder(root / dataset)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def marker(self) -> Path:
        return self.path / "dataset.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def versions(self) -> Path:
        return self.path / "versions"

    @property
    def spares(self) -> Path:
        return self.path / "spares"

    @property
    def promotions(self) -> Path:
        return self.path / "promotions"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def trash(self) -> Path:
        return self.path / "trash"

    @property
    def pins(self) -> Path:
        return self.path / "pins"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def plan(self, identity: str) -> Path:
        return self.path / "plans" / self._safe(identity)

    def receipt(self, key: str) -> Path:
        return self.path / "receipts" / f"{self._safe(key)}.json"

    def former_receipt(self, key: str, identity: str) -> Path:
        return self.path / "receipts" / f"{self._safe(key)}.{self._safe(identity)[:16]}.json"

    def version(self, number: int) -> Path:
        return self.versions / f"{number:08d}.json"

    def promotion(self, number: int) -> Path:
        return self.promotions / f"{number:08d}.json"

    def announcement(self, number: int) -> Path:
        return self.path / "announced" / f"{number:08d}.json"

    def check_note(self, kind: str) -> Path:
        return self.logs / f"check-{kind}.json"

    def promotion_copy(self, number: int) -> Path:
        return self.spares / f"promotion-{number:08d}.json"

    def refused(self, plan: str) -> Path:
        return self.path / "refused" / f"{self._safe(plan)}.csv"

    def _safe(self, identity: str) -> str:
        """Return `identity`, which a record may have brought here from anywhere, if it can be part of a path."""
        if not _IDENTITY.fullmatch(identity):
            raise DamagedDataset(
                f"{self.path}: a record names {identity!r:.100}, which should be 16 to 64 hexadecimal digits; "
                "imagemill did not write it",
                path=self.path,
            )
        return identity
