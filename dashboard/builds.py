"""How far the building of datasets is, read from plans and receipts: true whether or not Prefect can be asked."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from storage.datasets import find_datasets, require_own_parts
from storage.errors import DamagedDataset, UnreadableRecord
from storage.layout import DatasetFolder
from storage.locking import Holder, builder_of
from storage.plans import Plan, read_plan
from storage.receipts import read_receipt
from storage.tiers import Tiers
from storage.versions import version_numbers

logger = logging.getLogger(__name__)

RATE_SECONDS = 120.0
"""The rate is that of the last two minutes: a shard takes some seconds, and disks change their mind."""
ELSEWHERE_SECONDS = 600.0
"""A builder of another machine counts as at work for so long after its last shard: nothing else tells of it."""


@dataclass(frozen=True, slots=True)
class Build:
    """A plan that is not a version yet: images that have to be done, are done, and were refused, for which reasons.

    `images_per_second` and `eta_seconds` are None where nothing was done lately. `holder` is the process at work, None
    where there is none: the run was interrupted.
    """

    dataset: str
    listed: int
    done: int
    refused: int
    reasons: tuple[tuple[str, int], ...]
    images_per_second: float | None
    eta_seconds: float | None
    holder: Holder | None
    last: datetime | None

    @property
    def share(self) -> float:
        """How much of it is done, in [0, 1]."""
        return self.done / max(self.listed, 1)


@dataclass(frozen=True, slots=True)
class _Done:
    """What one receipt says, and when it was written, in seconds since 1970."""

    listed: int
    refused: Mapping[str, int]
    at: float


@dataclass(slots=True)
class _Followed:
    """A plan, and what is known of its receipts: they never change, so each is read once."""

    plan: Plan
    done: dict[str, _Done] = field(default_factory=dict)


class BuildWatch:
    """Follows the unfinished plans of all datasets; a look at one of a million images takes a listing of a folder."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._followed: dict[tuple[str, str], _Followed] = {}

    def builds(self) -> tuple[Build, ...]:
        """Return the builds at work first, then those that were interrupted."""
        found: list[Build] = []
        seen: set[tuple[str, str]] = set()
        for folder in find_datasets(self._tiers.slow):
            try:
                require_own_parts(folder)
                found += self._builds_of(folder, seen)
            except (DamagedDataset, UnreadableRecord, OSError) as error:
                logger.warning("what is built in %s cannot be told: %s", folder.name, error)
        for gone in set(self._followed) - seen:
            del self._followed[gone]
        return tuple(sorted(found, key=lambda build: (build.holder is None, build.dataset)))

    def _builds_of(self, folder: DatasetFolder, seen: set[tuple[str, str]]) -> Iterator[Build]:
        plans = dict(_newer_plans(folder))
        if not plans:
            return
        holder, written = builder_of(folder), _written_receipts(folder)
        unfinished: list[tuple[float, _Followed]] = []
        for identity, made_at in plans.items():
            followed = self._plan(folder, identity)
            if followed is None:
                continue
            seen.add((folder.name, identity))
            self._follow(folder, followed, written)
            if len(followed.done) < len(followed.plan.shards):
                unfinished.append((max([made_at, *(one.at for one in followed.done.values())]), followed))
        # Who builds the dataset is at one plan: the others were given up for it.
        last = max((at for at, _ in unfinished), default=0.0)
        for at, followed in unfinished:
            yield _build(folder.name, followed, holder if at == last else None)

    def _plan(self, folder: DatasetFolder, identity: str) -> _Followed | None:
        key = (folder.name, identity)
        if key not in self._followed:
            try:
                self._followed[key] = _Followed(read_plan(folder, identity))
            except (DamagedDataset, UnreadableRecord, FileNotFoundError) as error:
                logger.warning("a plan is passed over: %s", error)
        return self._followed.get(key)

    def _follow(self, folder: DatasetFolder, followed: _Followed, written: Mapping[str, float]) -> None:
        for shard in followed.plan.shards:
            at = written.get(shard.key)
            known = followed.done.get(shard.key)
            if at is None:
                followed.done.pop(shard.key, None)
            elif known is None or known.at != at:
                try:
                    receipt = read_receipt(folder, shard.key)
                except (DamagedDataset, UnreadableRecord, FileNotFoundError) as error:
                    logger.warning("a receipt is passed over: %s", error)
                    continue
                reasons = Counter(refused.reason.value for refused in receipt.refused)
                followed.done[shard.key] = _Done(receipt.listed, reasons, at)


def _newer_plans(folder: DatasetFolder) -> Iterator[tuple[str, float]]:
    """Yield the plans that are younger than the newest version, which is not made of them: identity, and when made."""
    numbers = version_numbers(folder)
    published = folder.version(numbers[-1]).lstat().st_mtime if numbers else 0.0
    place = folder.path / "plans"
    if not place.is_dir():
        return
    with os.scandir(place) as entries:
        for entry in entries:
            is_plan = entry.is_dir(follow_symlinks=False) and not entry.name.endswith(".partial")
            if is_plan and (made_at := entry.stat(follow_symlinks=False).st_mtime) > published:
                yield entry.name, made_at


def _written_receipts(folder: DatasetFolder) -> dict[str, float]:
    """Return when each receipt was written, by its key."""
    place = folder.path / "receipts"
    if not place.is_dir():
        return {}
    with os.scandir(place) as entries:
        return {
            Path(entry.name).stem: entry.stat(follow_symlinks=False).st_mtime
            for entry in entries
            if entry.name.endswith(".json")
        }


def _build(dataset: str, followed: _Followed, holder: Holder | None) -> Build:
    done = followed.done.values()
    images, listed = sum(one.listed for one in done), followed.plan.listed
    refused = Counter[str]()
    for one in done:
        refused.update(one.refused)
    last = max((one.at for one in done), default=None)
    at_work = holder if holder is not None and _is_lively(holder, last) else None
    rate = _rate(list(done), at_work)
    return Build(
        dataset=dataset,
        listed=listed,
        done=images,
        refused=refused.total(),
        reasons=tuple(refused.most_common()),
        images_per_second=rate,
        eta_seconds=(listed - images) / rate if rate else None,
        holder=at_work,
        last=None if last is None else datetime.fromtimestamp(last, UTC),
    )


def _is_lively(holder: Holder, last: float | None) -> bool:
    return holder.host == socket.gethostname() or time.time() - max(_began(holder), last or 0.0) < ELSEWHERE_SECONDS


def _began(holder: Holder) -> float:
    """Return when a builder began, in seconds since 1970; 0 where its note tells no time."""
    try:
        return datetime.fromisoformat(holder.since).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _rate(done: list[_Done], holder: Holder | None) -> float | None:
    """Return images per second of the last minutes, since the run began if that is shorter; None of a run at rest."""
    if holder is None:
        return None
    now = time.time()
    since = max(_began(holder), now - RATE_SECONDS)
    lately = sum(one.listed for one in done if one.at >= since)
    return lately / max(now - since, 1.0) if lately else None
