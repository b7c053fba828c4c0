"""A dataset that was prepared by all steps of the product but Prefect, so that it can be repaired from its images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from storage.layout import DatasetFolder
from storage.tiers import Tiers
from storage.versions import Version, read_version
from tests.faults.bare_prepare import BareJob, prepare


@dataclass(frozen=True)
class Prepared:
    """A dataset `photos` of two versions below `slow`, and the images that it was made of.

    The first version has seven pictures and a broken file in three shards of three, the second two pictures more.
    """

    tiers: Tiers
    source: Path
    job: BareJob

    @property
    def folder(self) -> DatasetFolder:
        return self.tiers.authority("photos")

    def version(self, number: int) -> Version:
        return read_version(self.folder, number)

    def prepare(self, **changes: Any) -> dict[str, object]:
        """Run what the flow runs; return what became of it."""
        return prepare(replace(self.job, **changes))


def add_files(source: Path, files: dict[str, bytes]) -> None:
    """Write files below `source` by their names there."""
    for name, content in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
