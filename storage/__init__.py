"""Disks, array files and versions. Knows neither Prefect nor torch.

from pathlib import Path
from storage import Tiers, open_version

with open_version(Tiers(slow=Path("/hdd"), fast=Path("/ssd")), "imagenet") as version:
    images, labels = version.rows(224)[:64], version.labels[:64]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.reading import open_version
    from storage.tiers import Tiers

__all__ = ["Tiers", "open_version"]

_HOMES = {"Tiers": "storage.tiers", "open_version": "storage.reading"}


def __getattr__(name: str) -> object:
    # Imported on first use: pool workers import parts of this package and must not pay for Arrow.
    if name not in _HOMES:
        raise AttributeError(f"module 'storage' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
