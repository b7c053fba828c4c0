"""Where the parts of one dataset lie below a root; nothing else in the code joins these paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PARTS = ("plans", "objects", "receipts", "versions", "refused", "cards", "tmp")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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

    def plan(self, identity: str) -> Path:
        return self.path / "plans" / identity

    def receipt(self, key: str) -> Path:
        return self.path / "receipts" / f"{key}.json"

    def former_receipt(self, key: str, identity: str) -> Path:
        return self.path / "receipts" / f"{key}.{identity[:16]}.json"

    def version(self, number: int) -> Path:
        return self.versions / f"{number:08d}.json"

    def refused(self, plan: str) -> Path:
        return self.path / "refused" / f"{plan}.csv"

    def card(self, number: int) -> Path:
        return self.path / "cards" / f"{number:08d}.md"
