"""Small published word maps with all that such a version of the product has, made without the code that matches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.bundles import Bundle, BundleFile, FileReceipt, bundle_identity, current_bundle, write_file_receipt
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.parquet import write_table
from storage.publishing import publish
from storage.spares import ensure_spare
from storage.tiers import Tiers
from storage.versions import next_number
from storage.word_maps import MAP_SCHEMA, WORDS
from storage.word_vectors import create_word_vectors
from tests.storage.random_versions import stored_bytes

NOUNS = ("n00000010", "n00000020", "n00000050")
LEMMAS = (("animal", "beast"), ("dog", "domestic_dog"), ("cat",))
CLASSES = ("n00000020", "no such thing")
WORDS_OF_VECTORS = ("the", "animal", "dog", "cat")


@dataclass(frozen=True)
class PublishedWords:
    """Published word maps and, apart from them, what was put in."""

    tiers: Tiers
    bundle: Bundle
    vectors: NDArray[np.float32]
    nouns: NDArray[np.float32]
    classes: NDArray[np.float32]

    @property
    def folder(self) -> DatasetFolder:
        return self.tiers.authority(WORDS)

    def object(self, name: str) -> Path:
        """The file of a name within the bundle, or its card."""
        stored = self.bundle.card if name == "card" else self.bundle.file(name)
        return self.folder.objects / stored.name

    def receipt(self) -> Path:
        return self.folder.receipt(self.bundle.receipts[0])


def published_words(tiers: Tiers, *, seed: int = 0) -> PublishedWords:
    """Publish maps of three nouns and of two classes, of which one has no vector, as the next version of `words`.

    All that a seed decides are the numbers of the vectors.
    """
    folder = create_dataset(tiers.slow, WORDS, kind=WORDS)
    vectors = np.random.default_rng(seed).standard_normal((len(WORDS_OF_VECTORS), 4)).astype(np.float32)
    nouns = vectors[1:] / np.linalg.norm(vectors[1:], axis=1, keepdims=True)
    classes = np.stack([nouns[1], np.zeros(4, np.float32)])
    with create_word_vectors(folder.tmp / "vectors", dimensions=4) as writer:
        writer.append(WORDS_OF_VECTORS, vectors, counts=np.arange(4, 0, -1))
    stored = store_object(folder, folder.tmp / "vectors", prefix="vectors", suffix=".words")
    words = BundleFile("vectors", stored, is_spared=False)
    key = f"{seed:064d}"
    write_file_receipt(folder, FileReceipt(key, (("seed", str(seed)),), (words,), 0.5))
    files = (
        words,
        *_stored_map(folder, "nouns", nouns, map_table(NOUNS, LEMMAS, ("exact phrase",) * 3)),
        *_stored_map(
            folder, "classes-photos", classes, map_table(CLASSES, (LEMMAS[1], ()), ("exact phrase", "no vector"))
        ),
    )
    current = current_bundle(folder)
    draft = Bundle(
        number=next_number(folder),
        parent=current.number if current else None,
        identity=bundle_identity(WORDS, files),
        created="2026-01-01T00:00:00+00:00",
        kind=WORDS,
        request=f"{seed:064d}",
        made_of=(("seed", str(seed)),),
        receipts=(key,),
        files=files,
        card=stored_bytes(folder, f"# words of seed {seed}\n".encode(), prefix="card", suffix=".md"),
    )
    bundle, _ = publish(folder, draft)
    ensure_spare(folder, bundle, folder.tmp)
    return PublishedWords(tiers, bundle, vectors, nouns, classes)


def add_classes(published: PublishedWords, dataset: str, names: tuple[str, ...], rules: tuple[str, ...]) -> Bundle:
    """Publish the next version of `published`, in which `dataset` has these classes; a class is its own lemma."""
    folder, vectors = published.folder, np.eye(len(names), 4, dtype=np.float32)
    table = map_table(names, tuple((name,) for name in names), rules)
    others = (file for file in published.bundle.files if not file.name.startswith(f"classes-{dataset}."))
    files = (*others, *_stored_map(folder, f"classes-{dataset}", vectors, table))
    draft = on_top(folder, published.bundle, files=files, identity=bundle_identity(WORDS, files))
    bundle, _ = publish(folder, draft)
    ensure_spare(folder, bundle, folder.tmp)
    return bundle


def map_table(names: tuple[str, ...], lemmas: tuple[tuple[str, ...], ...], rules: tuple[str, ...]) -> pa.Table:
    """Return the table of a map in which each row that has a vector has one of its own."""
    matched = [rule != "no vector" for rule in rules]
    columns = {
        "name": names,
        "lemmas": lemmas,
        "branch": ["animal" if each else "" for each in lemmas],
        "gloss": ["a thing"] * len(names),
        "rule": rules,
        "words": [each[:1] if found else () for each, found in zip(lemmas, matched, strict=True)],
        "has_own_vector": matched,
        "same_vector": [()] * len(names),
    }
    return pa.table({name: list(column) for name, column in columns.items()}, schema=MAP_SCHEMA)


def on_top(folder: DatasetFolder, draft: Bundle, **changes: object) -> Bundle:
    """Return `draft` as the version that follows what is there."""
    current = current_bundle(folder)
    placed = replace(draft, number=next_number(folder), parent=current.number if current else None)
    return replace(placed, **changes)


def _stored_map(folder: DatasetFolder, name: str, vectors: NDArray[np.float32], table: pa.Table) -> list[BundleFile]:
    np.save(folder.tmp / f"{name}.npy", vectors)
    write_table(folder.tmp / f"{name}.parquet", table)
    stored = [
        store_object(folder, folder.tmp / f"{name}{suffix}", prefix=name.partition("-")[0], suffix=suffix)
        for suffix in (".npy", ".parquet")
    ]
    return [BundleFile(f"{name}.npy", stored[0], False), BundleFile(f"{name}.parquet", stored[1], True)]
