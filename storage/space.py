"""Space on a disk, checked ahead and reserved, so that two runs do not both count on the same free bytes.

A reservation is a file named after its process. Nothing rests on locks: each run first writes down what it wants,
then counts what everybody wrote. Of two that see each other and do not both fit, the lexically smaller name stays.
"""

from __future__ import annotations

import logging
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from storage.errors import DamagedDataset, NotEnoughSpace
from storage.json_text import NotDecoded, decoded
from storage.owners import is_gone, is_silent, owner_name
from storage.plain_files import read_file

logger = logging.getLogger(__name__)

HEADROOM_BYTES = 64 * 1024 * 1024
"""Left free on a disk, besides what is going to be written: records, tables and file system metadata."""

FOLDER = Path(".imagemill", "reservations")
REMEDY = "free some space, choose another root, or limit the job (--limit, fewer or smaller --size)"
_PARTIAL = ".partial"
_PATIENCE_SECONDS = 30.0
"""How long to wait for runs that are still asking; one that evicts first may take seconds."""
_RECOUNTS = 5
"""Bytes that were just written are counted twice until their reservation is lowered: look again before room is made,
or given up."""


class _Claim(msgspec.Struct, frozen=True):
    """What a run still means to write, bytes; only what is held is certain to be written."""

    state: Literal["asking", "held"]
    bytes: int


@dataclass(frozen=True, slots=True)
class _Demand:
    """What one run asks of a root, and how what is there is counted."""

    root: Path
    needed: int
    purpose: str
    remedy: str
    budget: int | None
    used: Callable[[], int]

    def shortage(self, claimed: int) -> int:
        """Return the bytes that are lacking, at most 0 if none are, while others still mean to write `claimed`."""
        lacking = self.needed + HEADROOM_BYTES + claimed - shutil.disk_usage(self.root).free
        if self.budget is None:
            return lacking
        return max(lacking, self.used() + claimed + self.needed - self.budget)

    def refusal(self, claimed: int) -> NotEnoughSpace:
        """Return the error that tells what is lacking: of the disk, or of the budget."""
        reserved = f", besides {_gigabytes(claimed)} that other runs have reserved" if claimed else ""
        need, have = self.needed + HEADROOM_BYTES, max(0, shutil.disk_usage(self.root).free - claimed)
        text = f"{self.root} has {_gigabytes(have)} free{reserved}, {self.purpose} need {_gigabytes(need)}"
        if need <= have and self.budget is not None:
            need, have = self.needed, max(0, self.budget - self.used() - claimed)
            text = (
                f"{self.root} has {_gigabytes(have)} left of its budget of {_gigabytes(self.budget)}{reserved}, "
                f"{self.purpose} need {_gigabytes(need)}"
            )
        return NotEnoughSpace(text, path=self.root, need=need, have=have, remedy=self.remedy)


class Reservation:
    """Bytes on a root that no other run counts as free."""

    def __init__(self, path: Path, outstanding: int) -> None:
        self._path, self.outstanding = path, outstanding

    def spend(self, count: int) -> None:
        """Lower the reservation by bytes that are on the disk now."""
        self.outstanding = max(0, self.outstanding - count)
        try:
            _write(self._path, _Claim("held", self.outstanding))
        except OSError as error:
            # Too much stays reserved, which harms nobody as an end of this run would.
            logger.debug("%s could not be lowered: %s", self._path, error)


@contextmanager
def reserved(
    root: Path,
    needed: int,
    *,
    purpose: str,
    remedy: str = REMEDY,
    budget: int | None = None,
    used: Callable[[], int] | None = None,
    make_room: Callable[[int], int] | None = None,
) -> Iterator[Reservation]:
    """Reserve `needed` bytes below `root` until the block ends.

    With a `budget`, what `used` counts, and all that is reserved, stays within it. `make_room` is told how many bytes
    are lacking, and returns how many it freed; 0 if it cannot free so many.

    Raises:
        NotEnoughSpace: they do not fit beside what is there and what other runs have reserved.
    """
    demand = _Demand(root, needed, purpose, remedy, budget, used or (lambda: 0))
    path = root / FOLDER / owner_name()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _settle(demand, path, make_room or (lambda lacking: 0))
        yield Reservation(path, needed)
    finally:
        path.unlink(missing_ok=True)


def _settle(demand: _Demand, path: Path, make_room: Callable[[int], int]) -> None:
    """Ask until the demand is held. Whoever holds has seen it fit beside everybody who asked or held before."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    recounts = _RECOUNTS
    while True:
        _write(path, _Claim("asking", demand.needed))
        # Claims before bytes: what is written in between counts twice, never not at all.
        others = _claims(path.parent, without=path.name)
        everybody = sum(claim.bytes for claim in others.values())
        if demand.shortage(everybody) <= 0:
            return _write(path, _Claim("held", demand.needed))
        is_first = not any(claim.state == "asking" and name < path.name for name, claim in others.items())
        held = sum(claim.bytes for claim in others.values() if claim.state == "held")
        lacking = demand.shortage(held) if is_first else 0
        if lacking > 0:
            recounts = recounts - 1 if others else 0
        if recounts == 0 and make_room(lacking) > 0:
            recounts = _RECOUNTS
            continue
        if recounts == 0 or time.monotonic() > give_up:
            raise demand.refusal(held if is_first else everybody)
        if not is_first:
            path.unlink(missing_ok=True)
        time.sleep(random.uniform(0.005, 0.05))


def _claims(folder: Path, *, without: str = "") -> dict[str, _Claim]:
    """Return the claims of living runs by their names; those of dead ones are removed."""
    claims: dict[str, _Claim] = {}
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if is_gone(path.name.removesuffix(_PARTIAL)):
            path.unlink(missing_ok=True)
            continue
        is_claim = path.name != without and not path.name.endswith(_PARTIAL) and not is_silent(path)
        if is_claim and (claim := _read(path)):
            claims[path.name] = claim
    return claims


def _read(path: Path) -> _Claim | None:
    try:
        return decoded(read_file(path), _Claim)
    except FileNotFoundError:
        return None
    except (NotDecoded, DamagedDataset) as error:
        logger.warning("%s is not a readable reservation, it is passed over: %s", path, error)
        return None


def _write(path: Path, claim: _Claim) -> None:
    # Replaced in one step, but not synced: after a power cut nobody is left to hold it.
    partial = path.with_name(path.name + _PARTIAL)
    try:
        partial.write_bytes(msgspec.json.encode(claim))
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
