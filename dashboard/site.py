"""What all pages of one dashboard share: where they read, what they read lately, and how they are called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from anyio import CapacityLimiter

from dashboard.answers import ModelAnswers
from dashboard.attempts import attempted
from dashboard.builds import Build, BuildWatch
from dashboard.catalogue import KEPT, Catalogues, OpenRows
from dashboard.failures import Failure, failures
from dashboard.prefect_reader import PrefectAnswer, PrefectReader
from dashboard.published import PublishedVersions
from dashboard.shelf import ShelfLine, shelf_lines
from dashboard.snapshots import Snapshot
from storage.bundles import Bundle
from storage.pair_versions import PairVersion
from storage.reading import open_pairs, open_version
from storage.tiers import Tiers
from tasks.ops.held_devices import DeviceState, device_states
from tasks.ops.running_trainings import RunningTraining, running_trainings

LIVE_SECONDS, SLOW_SECONDS = 2.0, 10.0
"""How old what is at work may be, and what changes by the hour."""


class Site:
    """The state of a dashboard over two roots; may be used by several threads. `token` is "" where none is asked."""

    def __init__(self, tiers: Tiers, *, token: str = "", prefix: str = "", answers: ModelAnswers | None = None) -> None:
        self.tiers, self.token, self.prefix, self.answers = tiers, token, prefix, answers
        self.asking = CapacityLimiter(1)
        """Models answer one question at a time: who waits for that keeps no thread from other pages."""
        self._closing = ExitStack()
        if answers is not None:
            self.at_close(answers.close)
        watch = BuildWatch(tiers)
        self.builds: Snapshot[tuple[Build, ...]] = Snapshot(watch.builds, seconds=LIVE_SECONDS)
        self.trainings: Snapshot[list[RunningTraining]] = Snapshot(
            lambda: running_trainings(tiers.slow), seconds=LIVE_SECONDS
        )
        self.devices: Snapshot[list[DeviceState]] = Snapshot(device_states, seconds=LIVE_SECONDS)
        self.shelf: Snapshot[tuple[ShelfLine, ...]] = Snapshot(lambda: shelf_lines(tiers), seconds=SLOW_SECONDS)
        self.failures: Snapshot[tuple[Failure, ...]] = Snapshot(lambda: failures(tiers), seconds=SLOW_SECONDS)
        self.versions = PublishedVersions()
        self.catalogues = Catalogues(tiers, self._opened)
        self.prefect: Snapshot[PrefectAnswer] = Snapshot(PrefectReader().ask, seconds=LIVE_SECONDS)

    def _opened(self, dataset: str, number: int) -> OpenRows:
        if isinstance(self.versions.read(self.tiers.authority(dataset), number), PairVersion):
            return open_pairs(self.tiers, dataset, number=number, access="glance")
        return open_version(self.tiers, dataset, number=number, access="glance")

    def read_ahead(self) -> None:
        """Read what the first visitor would wait for: which rows are of which class, in the largest datasets."""
        shelf, _ = attempted(lambda: self.shelf.get().value, otherwise=())
        for line in sorted((line for line in shelf if line.rows), key=lambda line: -(line.rows or 0))[:KEPT]:
            attempted(partial(self._read_ahead, line), otherwise=None)

    def _read_ahead(self, line: ShelfLine) -> None:
        version = self.versions.read(self.tiers.authority(line.name), line.current or 0)
        if not isinstance(version, Bundle):
            self.catalogues.of(line.name, version).pixels(0, line.place)

    def at_close(self, let_go: Callable[[], None]) -> None:
        """Have `let_go` called when the dashboard ends."""
        self._closing.callback(let_go)

    def close(self) -> None:
        """Let go of what computes and of what is open."""
        self._closing.close()
