"""Which of the listed inputs a job takes: a manifest of classes or images, and a reproducible sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.names import row_ids
from storage.shuffling import shuffle_keys


def read_manifest(path: Path) -> tuple[str, ...]:
    """Return the entries of a manifest: a class or an image path on each line; `#` begins a comment."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    entries = tuple(sorted({line for line in lines if line}))
    if not entries:
        raise ValueError(f"{path} names no class and no image")
    return entries


def chosen(listing: pa.Table, entries: tuple[str, ...]) -> pa.Table:
    """Return the inputs whose class or whose path is among `entries`.

    Raises:
        ValueError: an entry matches nothing.
    """
    wanted = pa.array(entries, pa.string())
    known = pa.concat_arrays([listing[column].combine_chunks() for column in ("class", "name")])
    strangers = wanted.filter(pc.invert(pc.is_in(wanted, value_set=known)))
    if len(strangers):
        raise ValueError(
            f"{len(strangers)} manifest entries are neither a class nor an image of the source: "
            f"{', '.join(strangers.to_pylist()[:5])}"
        )
    return listing.filter(
        pc.or_(pc.is_in(listing["class"], value_set=wanted), pc.is_in(listing["name"], value_set=wanted))
    )


def sampled(listing: pa.Table, limit: int, *, seed: int) -> pa.Table:
    """Return `limit` inputs, the first of the shuffle of `seed`, in the order of the listing."""
    if limit >= listing.num_rows:
        return listing
    keys = shuffle_keys(row_ids(listing["name"].to_pylist()), seed)
    return listing.take(pa.array(np.sort(np.argsort(keys)[:limit])))
