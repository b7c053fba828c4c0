"""Nine classes that a tiny network tells apart, three colours by three directions, with words that say the same.

The vector of a class is that of its colour and that of its direction: who learnt six of them can name the other three.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from storage.bundle_publication import BundleContent, publish_bundle
from storage.bundles import BundleFile
from storage.class_splits import HYPERNYM_SCHEMA, SPLIT_SCHEMA, SPLITS
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parquet import write_table
from storage.word_maps import WORDS
from tests.faults.bare_prepare import BareJob, prepare
from tests.storage.word_bundles import map_table

SIDE = 16
CLASSES = tuple(f"n{number:08d}" for number in range(11, 20))
"""Class i has the colour i // 3 and the direction i % 3."""
UNSEEN = (0, 4, 8)
"""Each colour and each direction once."""
NOUNS = ("n00000001", *CLASSES, "n00000099")
"""One noun above all classes, the classes, and one that is below none of them and unlike all."""


def picture(label: int, *, seed: int) -> NDArray[np.uint8]:
    """Return a picture of a class, `(16, 16, 3)` uint8: stripes across, along or aslant, somewhere, with noise."""
    random = np.random.default_rng([label, seed])
    colour, direction = divmod(label, 3)
    y, x = np.mgrid[:SIDE, :SIDE]
    along = (x, y, (x + y) / np.sqrt(2))[direction]
    wave = np.sin(along * 1.2 + random.uniform(0, 6)) * 60
    found = np.full((SIDE, SIDE, 3), 80.0) + wave[:, :, None] + random.normal(0, 10, (SIDE, SIDE, 3))
    found[:, :, colour] += 80
    return found.clip(0, 255).astype(np.uint8)


def vectors() -> NDArray[np.float32]:
    """Return the vectors of `NOUNS`, `(11, 6)` of length 1: three places for the colour, three for the direction."""
    found = np.zeros((len(NOUNS), 6), np.float32)
    for label, (colour, direction) in enumerate(product(range(3), range(3))):
        found[1 + label, [colour, 3 + direction]] = 1
    found[0], found[-1] = 1, (1, 0, 0, 0, 0, -1)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def published_word_space(root: Path, *, each: int = 24) -> Path:
    """Publish so many pictures of each class as `stripes`, word maps, and class splits; return the root they are on.

    Split 0 keeps `UNSEEN` unseen, split 1 the first three classes.
    """
    for label, name in enumerate(CLASSES):
        (root / "source" / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(picture(label, seed=number)).save(root / "source" / name / f"{number}.png")
    prepare(BareJob(str(root / "source"), str(root / "slow"), dataset="stripes", sides=(SIDE,), rows_per_shard=64))
    words, splits = (create_dataset(root / "slow", name, kind=kind) for name, kind in _BUNDLES)
    np.save(words.tmp / "nouns.npy", vectors())
    table = map_table(NOUNS, tuple((name,) for name in NOUNS), ("exact phrase",) * len(NOUNS))
    _publish(words, WORDS, [_file(words, "nouns.npy"), _table(words, "nouns.parquet", table)])
    edges = pa.table([list(range(1, 10)), [0] * 9], schema=HYPERNYM_SCHEMA)
    tables = {f"split-{seed}.parquet": _split(unseen) for seed, unseen in enumerate((UNSEEN, (0, 1, 2)))}
    files = [_table(splits, name, table) for name, table in (tables | {"hypernyms.parquet": edges}).items()]
    _publish(splits, SPLITS, files)
    return root / "slow"


_BUNDLES = ((WORDS, WORDS), ("splits-stripes", SPLITS))


def _split(unseen: tuple[int, ...]) -> pa.Table:
    """Return the split of which `unseen` are the unseen labels."""
    roles = ["unseen" if label in unseen else "seen" for label in range(9)]
    columns = {
        "name": list(NOUNS),
        "is_noun": [True] * 11,
        "label": [-1, *range(9), -1],
        "role": ["other", *roles, "other"],
        "hops": [1, *(2 if role == "unseen" else 0 for role in roles), -1],
    }
    return pa.table(columns, SPLIT_SCHEMA)


def _table(folder: DatasetFolder, name: str, table: pa.Table) -> BundleFile:
    write_table(folder.tmp / name, table)
    return _file(folder, name)


def _file(folder: DatasetFolder, name: str) -> BundleFile:
    stem, _, suffix = name.partition(".")
    return BundleFile(name, store_object(folder, folder.tmp / name, prefix=stem, suffix=f".{suffix}"), is_spared=True)


def _publish(folder: DatasetFolder, kind: str, files: list[BundleFile]) -> None:
    content = BundleContent(kind, request="0" * 64, made_of=(), files=tuple(files))
    publish_bundle(folder, content, card=lambda number: f"# {kind} {number}\n", scratch=folder.tmp)
