"""From classes and WordNet to a published, spared version of class splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.bundle_publication import BundleContent, publish_bundle
from storage.bundles import Bundle, BundleFile
from storage.class_splits import HYPERNYMS, SPLITS, ClassSplit, hypernym_table, split_file, split_table
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parquet import write_table
from tasks.ops.class_splitting import class_split
from tasks.ops.split_choices import SplitChoice, SplitClasses, SplitRequest
from tasks.ops.splits_report import splits_card
from tasks.ops.wordnet_hops import hop_graph, hypernym_pairs
from tasks.ops.wordnet_nouns import Noun


def made_splits(
    nouns: Mapping[str, Noun], classes: SplitClasses, choices: Sequence[SplitChoice]
) -> tuple[dict[int, ClassSplit], NDArray[np.int32]]:
    """Return each split by its number, and the hypernyms over which its hops lead, `(m, 2)` rows."""
    pairs = hypernym_pairs(nouns)
    graph, own = hop_graph(pairs, nouns=len(nouns)), np.array(classes.has_own_vector, bool)
    names = tuple(nouns)
    splits = {
        choice.number: class_split(names, graph, classes=classes.names, has_own_vector=own, unseen=choice.unseen)
        for choice in choices
    }
    return splits, pairs


def publish_splits(
    folder: DatasetFolder,
    splits: Mapping[int, ClassSplit],
    pairs: NDArray[np.int32],
    classes: SplitClasses,
    request: SplitRequest,
    *,
    scratch: Path,
) -> tuple[Bundle, bool]:
    """Publish class splits with their card; return the version that holds them, and whether it is new.

    Raises:
        VersionConflict: another run published other content meanwhile.
    """
    tables = {split_file(number): split_table(split) for number, split in splits.items()}
    tables[HYPERNYMS] = hypernym_table(pairs)
    files = tuple(_stored_table(folder, name, table, scratch) for name, table in tables.items())
    return publish_bundle(
        folder,
        BundleContent(SPLITS, request.digest, request.facts, files),
        card=lambda number: splits_card(folder.name, number, splits, classes, request.facts),
        scratch=scratch,
    )


def _stored_table(folder: DatasetFolder, name: str, table: pa.Table, scratch: Path) -> BundleFile:
    write_table(scratch / name, table)
    prefix = name.partition("-")[0].removesuffix(".parquet")
    return BundleFile(name, store_object(folder, scratch / name, prefix=prefix, suffix=".parquet"), is_spared=True)
