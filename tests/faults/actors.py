"""Those who are at work on one dataset while others build: each a process that goes round until its time is over.

At its end it prints what it did as JSON; what went wrong is in `errors`. What a reader should find was worked out
before, by the oracle.
"""

from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from storage.collection import collect
from storage.errors import DatasetLocked, NotEnoughSpace
from storage.reading import OpenVersion, open_version
from storage.staging import stage, unstage
from storage.tiers import Access, Tiers
from tasks.ops.repair import repair_dataset
from tests.faults.bare_prepare import REPOSITORY
from tests.faults.tiny_source import class_name

GRACE = timedelta(seconds=1)
PAUSE = 0.05
"""Seconds between two rounds of those who tidy up: on a small machine they would leave nothing to the readers."""
LEVELS = 1
"""Fidelity "exact" promises torchvision's pixels to within this."""
MAX_ERRORS = 5


@dataclass(frozen=True)
class Workplace:
    """Where the actors are at work, for how many seconds, and what there is to find; as JSON can tell it."""

    slow: str
    fast: str
    fast_budget: int
    dataset: str
    expected: str
    """An .npz file: `ids`, and `squares_<side>` for each side, by picture number."""
    seconds: float

    @property
    def tiers(self) -> Tiers:
        return Tiers(Path(self.slow), Path(self.fast), self.fast_budget)


def start_actor(role: str, workplace: Workplace, *, seed: int) -> subprocess.Popen[str]:
    """Start a process with one of `ROLES`; it ends by itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.actors", role, json.dumps(asdict(workplace)), str(seed)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


# ---- A reader


class Reader:
    """Reads the current version again and again, and compares every row with the picture that it should be."""

    def __init__(self, workplace: Workplace, chance: random.Random, *, access: Access) -> None:
        self._tiers, self._dataset, self._chance = workplace.tiers, workplace.dataset, chance
        self._access: Access = access
        with np.load(workplace.expected) as expected:
            self._squares = {side: expected[f"squares_{side}"].astype(np.int16) for side in (16, 8)}
            self._number_of = {int(id_): number for number, id_ in enumerate(expected["ids"])}

    def go_round(self) -> Counter[str]:
        """Open the current version, read some of it, and close it; now and then keep it open for seconds."""
        until = time.monotonic() + (self._chance.uniform(0, 3) if self._chance.random() < 0.1 else 0)
        done = Counter(opened=1)
        with open_version(self._tiers, self._dataset, access=self._access, check=True) as opened:
            numbers = self._pictures_in(opened)
            while True:
                done["rows"] += self._compare(opened, numbers)
                if time.monotonic() >= until and self._chance.random() < 0.3:
                    return done

    def _pictures_in(self, opened: OpenVersion) -> list[int]:
        """Return the number of each row's picture, after a check that they are those of one state of the source."""
        numbers = [self._number_of[int(id_)] for id_ in opened.ids]
        assert len(numbers) == len(opened) == len(set(numbers)), f"{len(opened)} rows of {len(set(numbers))} pictures"
        ascending = sorted(numbers)
        gaps = sum(after != before + 1 for before, after in pairwise(ascending))
        is_round = ascending[0] == 0 and ascending[-1] == len(self._number_of) - 1
        assert gaps <= is_round, f"version {opened.version.number} mixes two states: {ascending}"
        labels = [opened.classes[label] for label in opened.labels]
        assert labels == [class_name(number) for number in numbers], f"labels of version {opened.version.number}"
        return numbers

    def _compare(self, opened: OpenVersion, numbers: list[int]) -> int:
        side = self._chance.choice(opened.sides)
        first, count = self._chance.randrange(len(numbers)), self._chance.randint(1, 24)
        rows = slice(first, first + count)
        places = list(range(len(numbers)))[rows]
        if self._access == "random":
            places = self._chance.choices(range(len(numbers)), k=count)
        found = opened.rows(side)[rows if self._access == "sequential" else places]
        expected = self._squares[side][[numbers[place] for place in places]]
        assert found.shape == expected.shape
        levels = int(np.abs(found.astype(np.int16) - expected).max())
        assert levels <= LEVELS, f"version {opened.version.number}: rows {places} at {side} pixels are {levels} off"
        return len(places)


# ---- Those who tidy up


def stage_some(workplace: Workplace, chance: random.Random) -> Counter[str]:
    """Stage some objects of the current version, or remove some; the fast root is too small for all."""
    time.sleep(PAUSE)
    # Held, so that it is not collected meanwhile.
    with open_version(workplace.tiers, workplace.dataset) as opened:
        arrays = [stored for shard in opened.version.shards for stored in shard.objects]
        wanted = chance.sample(arrays, k=chance.randint(1, max(1, len(arrays) // 2)))
        if chance.random() < 0.2:
            return Counter(unstaged=1, removed_bytes=unstage(workplace.tiers, workplace.dataset, wanted).removed)
        try:
            staged = stage(workplace.tiers, workplace.dataset, wanted)
        except NotEnoughSpace:
            # Readers hold what would have to go.
            return Counter(refused=1)
        finally:
            require_within_budget(Path(workplace.fast), workplace.fast_budget)
        return Counter(staged=1, copied_bytes=staged.copied, evicted_bytes=staged.evicted)


def require_within_budget(fast: Path, budget: int) -> None:
    """Check that the copies that can be read take no more than they may."""
    taken = sum(path.stat().st_size for path in fast.glob("*/objects/**/*") if path.is_file())
    assert taken <= budget, f"{fast} holds {taken} bytes, its budget is {budget}"


def collect_garbage(workplace: Workplace, chance: random.Random) -> Counter[str]:
    """Keep one or two versions; the trash is emptied after a second."""
    time.sleep(PAUSE)
    folder = workplace.tiers.authority(workplace.dataset)
    try:
        done = collect(folder, keep=chance.choice((1, 2)), grace=GRACE)
    except DatasetLocked:
        return Counter(locked_out=1)
    return Counter(collections=1, trashed=len(done.garbage), deleted=len(done.old_trash))


def repair(workplace: Workplace, chance: random.Random) -> Counter[str]:
    """Look for damage everywhere; there is none, whatever comes and goes meanwhile."""
    time.sleep(chance.uniform(PAUSE, 10 * PAUSE))
    try:
        done = repair_dataset(workplace.tiers, workplace.dataset, source=None, workers=1)
    except DatasetLocked:
        return Counter(locked_out=1)
    # Nobody damages anything here.
    assert done.repaired == {}, f"{done.repaired}"
    assert done.unrepaired == {}, f"{done.unrepaired}"
    return Counter(repairs=1)


# ---- The process


Round = Callable[[], Counter[str]]
ROLES: dict[str, Callable[[Workplace, random.Random], Round]] = {
    "random reader": lambda workplace, chance: Reader(workplace, chance, access="random").go_round,
    "sequential reader": lambda workplace, chance: Reader(workplace, chance, access="sequential").go_round,
    "stager": lambda workplace, chance: partial(stage_some, workplace, chance),
    "collector": lambda workplace, chance: partial(collect_garbage, workplace, chance),
    "repairer": lambda workplace, chance: partial(repair, workplace, chance),
}


def rounds(go_round: Round, *, seconds: float) -> tuple[Counter[str], list[str]]:
    """Go round until the time is over; return what was done, and what went wrong."""
    done, errors = Counter[str](), list[str]()
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(errors) < MAX_ERRORS:
        try:
            done += go_round()
        except Exception:
            errors.append(traceback.format_exc())
    return done, errors


def main() -> None:
    """Play the role in the first argument; the others are the workplace and a seed."""
    role, workplace, seed = sys.argv[1], Workplace(**json.loads(sys.argv[2])), int(sys.argv[3])
    # A copy that is missing is warned of, as it should be, thousands of times here.
    logging.disable(logging.WARNING)
    done, errors = rounds(ROLES[role](workplace, random.Random(seed)), seconds=workplace.seconds)
    print(json.dumps({"done": done, "errors": errors}))


if __name__ == "__main__":
    main()
