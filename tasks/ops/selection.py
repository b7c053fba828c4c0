"""Which of the listed inputs a job takes: those of a manifest, of classes with a word vector, a sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.names import row_ids
from storage.shuffling import shuffle_keys
from storage.word_maps import OpenWordMaps
from tasks.ops.word_mapping import named_noun
from tasks.ops.word_rules import match


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


def with_vectors(listing: pa.Table, maps: OpenWordMaps) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the inputs whose class has a word vector, and the classes that are set aside for lack of one, sorted.

    A class is the wnid of a noun, or else taken for a name, by the rules of class maps: "golden retriever".

    Raises:
        ValueError: no class has a vector.
    """
    classes = sorted(pc.unique(listing["class"]).to_pylist())
    lacking = tuple(name for name in classes if not _has_vector(name, maps))
    if len(lacking) == len(classes):
        raise ValueError(
            f"none of the {len(classes)} classes of the source has a vector, {lacking[0]!r:.60} for one; a class "
            "should be named by its wnid (n02099601) or by a noun"
        )
    return listing.filter(pc.invert(pc.is_in(listing["class"], value_set=pa.array(lacking, pa.string())))), lacking


def _has_vector(name: str, maps: OpenWordMaps) -> bool:
    row = maps.nouns.rows.get(name)
    if row is not None:
        return bool(maps.nouns.has_vector[row])
    return match(named_noun(name), maps.vectors, {}) is not None


def sampled(listing: pa.Table, limit: int, *, seed: int) -> pa.Table:
    """Return `limit` inputs, the first of the shuffle of `seed`, in the order of the listing."""
    if limit >= listing.num_rows:
        return listing
    keys = shuffle_keys(row_ids(listing["name"].to_pylist()), seed)
    return listing.take(pa.array(np.sort(np.argsort(keys)[:limit])))
