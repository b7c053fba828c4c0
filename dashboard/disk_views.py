"""What the two disks hold and have left, and who holds which GPU."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.rendering import page
from dashboard.site import Site
from dashboard.snapshots import Snapshot
from storage.cached_objects import cache_folders, cached_bytes, cached_objects
from storage.tiers import Tiers


@dataclass(frozen=True, slots=True)
class DiskUse:
    """A root, the disk that it lies on, and what we have there, in bytes; `budget` is what copies may take.

    `disk_bytes` and `free` are None where the root is not there.
    """

    root: Path
    ours: int | None
    disk_bytes: int | None
    free: int | None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Disks:
    """The slow and the fast disk, the latter None where there is one disk only, and the copies of each dataset."""

    slow: DiskUse
    fast: DiskUse | None
    copies: tuple[tuple[str, int], ...]


def disk_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""
    uses: Snapshot[Disks] = Snapshot(lambda: disks(site.tiers), seconds=10)

    def shown(request: Request) -> Response:
        shelf = site.shelf.get()
        values = {"disks": uses.get(), "shelf": shelf, "devices": site.devices.get(), "trainings": site.trainings.get()}
        return page(request, "disks.html", values)

    return [Route("/disks", shown)]


def disks(tiers: Tiers) -> Disks:
    """Return what is on the disks."""
    slow = _use(tiers.slow, None)
    if not tiers.is_split:
        return Disks(slow, None, ())
    copies = [(folder.name, sum(copy.bytes for copy in cached_objects(folder))) for folder in cache_folders(tiers.fast)]
    return Disks(slow, _use(tiers.fast, cached_bytes(tiers.fast), tiers.fast_budget), tuple(copies))


def _use(root: Path, ours: int | None, budget: int | None = None) -> DiskUse:
    try:
        disk = shutil.disk_usage(root)
    except OSError:
        return DiskUse(root, ours, None, None, budget)
    return DiskUse(root, ours, disk.total, disk.free, budget)
