"""Builds chosen shards of the current version again although they look whole, and tells which come to the same.

For whoever has reason to doubt a range: a disk, a machine, a library that was replaced. Nothing that was published
changes: what comes out equal is kept as it is, and what does not is told with the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import accumulate
from pathlib import Path

import numpy as np

from storage.bundles import Bundle
from storage.datasets import existing_dataset, make_parts
from storage.errors import DamagedDataset, UnknownDataset, named_disk_errors
from storage.layout import DatasetFolder
from storage.locking import dataset_lock
from storage.pair_versions import PairVersion, RowVersion
from storage.publishing import current_published
from storage.receipts import is_whole_object
from storage.row_tables import read_rows_table
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from storage.versions import VersionShard, version_numbers
from tasks.ops.pair_repair import rebuilt_pairs, require_no_model
from tasks.ops.shard_repair import rebuilt_shards

logger = logging.getLogger(__name__)

NEAR_NAMES = 5


@dataclass(slots=True)
class Rerun:
    """What became of each chosen shard of version `number`, by its place there, from 0 to `shards`."""

    dataset: str
    number: int
    shards: int
    same: list[int] = field(default_factory=list)
    """Came out as they were published, and stand so on disk."""
    restored: dict[int, list[Path]] = field(default_factory=dict)
    """Came out as they were published, with the files that were damaged or gone and are whole again."""
    different: dict[int, str] = field(default_factory=dict)
    """Could not be made again as they were, and why."""

    @property
    def is_reproduced(self) -> bool:
        return not self.different


def rerun_shards(
    tiers: Tiers,
    dataset: str,
    *,
    shards: str | None,
    classes: Sequence[str],
    source: Path | None,
    workers: int,
    on_start: Callable[[int], None] = lambda total: None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Rerun:
    """Build the shards in the range `shards`, or all that hold rows of `classes`, again; `source` is as in `repair`.

    Raises:
        UnknownDataset: there is no such dataset, or it has no version of rows.
        DamagedDataset: records are damaged that say what the shards are.
        ValueError: the range or a class means no shard, or a model made the rows.
        DatasetLocked: a run holds the dataset.
    """
    folder = existing_dataset(tiers.slow, dataset)
    make_parts(folder)
    with (
        named_disk_errors(folder.path, doing=f"shards of {dataset} were built again"),
        dataset_lock(folder),
        scratch_folder(folder) as scratch,
    ):
        version = _current_rows(folder)
        places = places_in(shards, version) if shards is not None else places_of(classes, folder, version)
        chosen = {version.shards[place].key: place for place in places}
        logger.info("%d of %d shards of version %d to build", len(chosen), len(version.shards), version.number)
        bytes_of = {key: _bytes(version.shards[place]) for key, place in chosen.items()}
        on_start(sum(bytes_of.values()))
        damaged = {key: _damaged(folder, version.shards[place]) for key, place in chosen.items()}
        done = Rerun(dataset, version.number, len(version.shards))
        wanted = [version.shards[place] for place in places]
        for key, why in _built_again(tiers, folder, version, wanted, scratch=scratch, source=source, workers=workers):
            _note(done, chosen[key], damaged=damaged[key], why=why)
            on_bytes(bytes_of[key])
    done.same.sort()
    return done


def places_in(text: str, version: RowVersion) -> list[int]:
    """Return the places that `text`, FIRST:STOP, means; STOP is left out, as in `show --rows`.

    Raises:
        ValueError: it is no range, or it goes beyond the shards that there are.
    """
    first, colon, stop = text.partition(":")
    if not colon or not (first or "0").isdecimal() or not (stop or "0").isdecimal():
        raise ValueError(f"--shards should be FIRST:STOP such as 3:7 (the shards 3, 4, 5 and 6), got {text!r}")
    total = len(version.shards)
    start, end = int(first or 0), int(stop) if stop else total
    if not start < end <= total:
        raise ValueError(f"--shards {text} should lie in 0:{total}: version {version.number} has {total} shards")
    return list(range(start, end))


def places_of(classes: Sequence[str], folder: DatasetFolder, version: RowVersion) -> list[int]:
    """Return the places of the shards that hold a row of any of `classes`, ascending.

    Raises:
        ValueError: there is no such class, or it has no row; near names are told.
        DamagedDataset: the table of rows is damaged.
    """
    table = read_rows_table(folder.objects / version.table.name, rows=version.stored, classes=len(version.classes))
    labels = table["label"].to_numpy()
    stops = np.fromiter(accumulate(shard.rows for shard in version.shards), np.int64)
    found: set[int] = set()
    for name in classes:
        rows = np.flatnonzero(labels == _label(name, version))
        if not len(rows):
            raise ValueError(f"version {version.number} of {folder.name} has no row of the class {name}")
        found |= set(np.searchsorted(stops, rows, side="right").tolist())
    return sorted(found)


def _label(name: str, version: RowVersion) -> int:
    if name in version.classes:
        return version.classes.index(name)
    near = get_close_matches(name, version.classes, NEAR_NAMES, cutoff=0.6)
    hint = f"near it are {', '.join(near)}" if near else f"they are named like {', '.join(version.classes[:3])}"
    raise ValueError(f"version {version.number} has no class {name!r} among its {len(version.classes)}; {hint}")


def _current_rows(folder: DatasetFolder) -> RowVersion:
    version = current_published(folder)
    if version is None:
        raise UnknownDataset(f"{folder.path} has no version yet, so there is no shard to build again", path=folder.path)
    if isinstance(version, Bundle):
        raise UnknownDataset(
            f"{folder.path} holds {version.kind}, which have no shards; the command that made them makes them again",
            path=folder.path,
        )
    newest = version_numbers(folder)[-1]
    if version.number != newest:
        raise DamagedDataset(
            f"the record of version {newest} is damaged, and nobody knows what its shards are",
            path=folder.version(newest),
            remedy=f"run first, without a range: imagemill repair {folder.name}",
        )
    if isinstance(version, PairVersion):
        require_no_model(folder, version)
    return version


def _built_again(
    tiers: Tiers,
    folder: DatasetFolder,
    version: RowVersion,
    shards: Sequence[VersionShard],
    *,
    scratch: Path,
    source: Path | None,
    workers: int,
) -> Iterator[tuple[str, str | None]]:
    """Yield the key of each shard and why it is another now, None where it is not."""
    if isinstance(version, PairVersion):
        return rebuilt_pairs(tiers, folder, version, shards, scratch=scratch, workers=workers, also_whole=True)
    return rebuilt_shards(folder, version, shards, scratch=scratch, source=source, workers=workers)


def _damaged(folder: DatasetFolder, shard: VersionShard) -> list[Path]:
    return [folder.objects / stored.name for stored in shard.objects if not is_whole_object(folder, stored)]


def _bytes(shard: VersionShard) -> int:
    return sum(stored.bytes for stored in shard.objects)


def _note(done: Rerun, place: int, *, damaged: list[Path], why: str | None) -> None:
    if why is not None:
        also = f"; {', '.join(map(str, damaged))} is damaged or gone besides" if damaged else ""
        done.different[place] = why + also
    elif damaged:
        done.restored[place] = damaged
    else:
        done.same.append(place)
