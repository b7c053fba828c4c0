"""Switches one safeguard of the product off, so that a test can see whether the tests would notice.

The environment variable IMAGEMILL_SABOTAGE names it. `bare_prepare` asks for it when it is imported, so it holds in
the tests' own processes and in those that they start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VARIABLE = "IMAGEMILL_SABOTAGE"


def sabotage_if_asked() -> None:
    """Switch off what the environment names, nothing if it names nothing."""
    if name := os.environ.get(VARIABLE):
        SABOTAGES[name]()


def pytest_configure() -> None:
    """Hold in a run of pytest that names this module as a plugin, whatever its tests import."""
    sabotage_if_asked()


def _replace_body(function: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Let `function` do what `other` does, also for those who have imported it by name."""
    function.__code__ = other.__code__


def _no_sync() -> None:
    import storage.durable

    storage.durable.os.fsync = lambda descriptor: None


def _in_place() -> None:
    import storage.durable

    def write_durably(path: Path, content: bytes) -> None:
        path.write_bytes(content)

    def create_durably(path: Path, content: bytes) -> bool:
        if path.exists():
            return False
        path.write_bytes(content)
        return True

    _replace_body(storage.durable.write_durably, write_durably)
    _replace_body(storage.durable.create_durably, create_durably)


def _no_reading_back() -> None:
    import storage.durable
    from tasks.ops.sized_array import SizedArray

    def require_same(path: Path, content: bytes) -> None: ...

    def _verify(self: object) -> None: ...

    _replace_body(storage.durable.require_same, require_same)
    SizedArray._verify = _verify


def _no_lock() -> None:
    import storage.locking

    @contextmanager
    def dataset_lock(folder: object) -> Iterator[None]:
        yield

    # The decorated function is a wrapper around this one.
    wrapped: Any = storage.locking.dataset_lock
    wrapped.__wrapped__.__code__ = dataset_lock.__wrapped__.__code__  # type: ignore[attr-defined]


def _no_hashes() -> None:
    import storage.verification

    def _wrong_content(item: object) -> str:
        return ""

    _replace_body(storage.verification._wrong_content, _wrong_content)


def _no_checksums() -> None:
    import storage.shard_rows

    # Every chunk has whatever checksum is asked of it.
    class Any_(int):
        __hash__ = int.__hash__

        def __eq__(self, other: object) -> bool:
            return True

        def __ne__(self, other: object) -> bool:
            return False

    storage.shard_rows.chunk_crc = lambda block: Any_()


def _last_writer_wins() -> None:
    import storage.durable

    def create_durably(path: Path, content: bytes) -> bool:
        from storage.durable import _synced_partial, sync_folder

        partial = _synced_partial(path, content)
        try:
            # As it was, so that whoever is stopped right before this call still is.
            os.link(partial, path)
        except FileExistsError:
            partial.replace(path)
        partial.unlink(missing_ok=True)
        sync_folder(path.parent)
        return True

    _replace_body(storage.durable.create_durably, create_durably)


def _no_pins() -> None:
    import storage.pins

    def _living(folder: object) -> Iterator[Path]:
        return iter(())

    _replace_body(storage.pins._living, _living)


SABOTAGES: dict[str, Callable[[], None]] = {
    "sync": _no_sync,
    "rename into place": _in_place,
    "reading back": _no_reading_back,
    "locks": _no_lock,
    "hashes": _no_hashes,
    "checksums of chunks": _no_checksums,
    "create if absent": _last_writer_wins,
    "pins": _no_pins,
}
"""What can be switched off, by name."""
