"""From a listing to a plan: who shares a shard with whom. Pure: tables in, tables out.

Inputs that a former version had stay in their shard and in their order; new ones are shuffled into new shards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.names import row_ids
from storage.parameters import Parameters
from storage.plans import LISTING_SCHEMA, SHUFFLED_SCHEMA, Plan, PlannedShard, PlanSettings, SourceTree
from storage.records import fingerprint
from storage.shuffling import shuffle_keys

LEAST_SHARDS = 16
"""So many shards at least, where each still gets `LEAST_ROWS`: with fewer, cores would wait for the last one."""
LEAST_ROWS = 64


@dataclass(frozen=True, slots=True)
class Former:
    """What the current version was planned from."""

    plan: Plan
    shuffled: pa.Table


def same_listing(listing: pa.Table, former: Former) -> bool:
    """Tell whether nothing was added, removed or touched since `former`."""
    return listing.equals(former.shuffled.select(LISTING_SCHEMA.names).sort_by("name"))


def class_names(listing: pa.Table, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the class of each label: those `known` keep their number, new ones follow in sorted order."""
    found = set(pc.unique(listing["class"]).to_pylist())
    return known + tuple(sorted(found - set(known)))


def shuffled(
    listing: pa.Table, classes: tuple[str, ...], former: Former | None, *, seed: int, rows_per_shard: int
) -> pa.Table:
    """Return the listing in the order of storage, with label and shard; columns as in `SHUFFLED_SCHEMA`.

    Raises:
        ValueError: two names have the same row id (once in 10^7 listings of the size of ImageNet).
    """
    ids = row_ids(listing["name"].to_pylist())
    if len(np.unique(ids)) != len(ids):
        raise ValueError("two inputs have the same row id; rename one of them")
    keys = shuffle_keys(ids, seed)
    shards, positions = _former_places(listing, former)
    is_new = shards < 0
    first_new = 0 if former is None else int(former.shuffled["shard"].to_numpy().max(initial=-1)) + 1
    new_order = np.argsort(keys[is_new])
    places = np.empty(len(new_order), np.int64)
    places[new_order] = np.arange(len(new_order))
    shards[is_new], positions[is_new] = first_new + places // rows_in_shard(len(places), rows_per_shard), places
    order = np.lexsort((positions, shards))
    # Shards that lost all their inputs leave no gap.
    numbers = np.unique(shards[order], return_inverse=True)[1].astype(np.int64)
    labels = pc.index_in(listing["class"], value_set=pa.array(classes)).cast(pa.int64())
    table = listing.append_column("label", labels).take(pa.array(order))
    return table.append_column("shard", pa.array(numbers)).combine_chunks().cast(SHUFFLED_SCHEMA)


def rows_in_shard(inputs: int, most: int) -> int:
    """Return how many of the new inputs make a shard. It depends on no machine, or equal inputs would not be equal."""
    return min(most, max(LEAST_ROWS, math.ceil(inputs / LEAST_SHARDS)))


def planned_shards(table: pa.Table, parameters: Parameters) -> tuple[PlannedShard, ...]:
    """Return the shards of a shuffled listing; the key covers names, sizes, times, labels and parameters."""
    parameters_digest = fingerprint(parameters)
    shards = table["shard"].to_numpy()
    starts = np.flatnonzero(np.diff(shards, prepend=-1))
    planned = []
    for first, stop in zip(starts, [*starts[1:], len(shards)], strict=True):
        rows = table.slice(first, stop - first)
        columns = [rows[name].to_pylist() for name in ("name", "size", "mtime_ns", "label")]
        planned.append(PlannedShard(fingerprint([parameters_digest, *columns]), int(first), int(stop - first)))
    return tuple(planned)


def make_plan(
    listing: pa.Table, former: Former | None, *, dataset: str, source: SourceTree, settings: PlanSettings
) -> tuple[Plan, pa.Table]:
    """Return the plan for a listing and its shuffled table; `former` must have the same settings."""
    classes = class_names(listing, former.plan.classes if former else ())
    table = shuffled(listing, classes, former, seed=settings.seed, rows_per_shard=settings.rows_per_shard)
    shards = planned_shards(table, settings.parameters)
    return Plan(dataset, source, settings, classes, shards), table


def predecessors(plan: Plan, table: pa.Table, former: Former | None) -> dict[str, str]:
    """Return, for shards whose inputs have the same names and labels as before, the key of the former shard.

    Only size or time of some of their files differ: hashing those again tells whether the shard must be rebuilt.
    """
    if former is None:
        return {}
    columns = ("name", "label")
    before = {
        fingerprint([former.shuffled[name].slice(old.first, old.count).to_pylist() for name in columns]): old.key
        for old in former.plan.shards
    }
    found = {}
    for shard in plan.shards:
        rows = [table[name].slice(shard.first, shard.count).to_pylist() for name in columns]
        key = before.get(fingerprint(rows))
        if key is not None and key != shard.key:
            found[shard.key] = key
    return found


def needed_bytes(plan: Plan, shards: tuple[PlannedShard, ...]) -> int:
    """Return the bytes that the arrays of `shards` take at most: every listed input stored at every size."""
    row_bytes = sum(side * side * 3 for side in plan.settings.parameters.sides)
    return sum(shard.count for shard in shards) * row_bytes


def _former_places(listing: pa.Table, former: Former | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the former shard and position of each input, -1 where it is new."""
    if former is None:
        return np.full(listing.num_rows, -1, np.int64), np.full(listing.num_rows, -1, np.int64)
    found = pc.index_in(listing["name"], value_set=former.shuffled["name"].combine_chunks())
    positions = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    before = former.shuffled["shard"].to_numpy()
    return np.where(positions >= 0, before[positions], -1), positions.copy()
