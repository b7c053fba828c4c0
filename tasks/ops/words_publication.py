"""From word maps in memory to a published, spared version of a dataset of words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage.bundle_publication import BundleContent, publish_bundle
from storage.bundles import Bundle, BundleFile
from storage.errors import ChecksFailed
from storage.layout import DatasetFolder
from storage.npy_files import NpyWriter
from storage.objects import store_object
from storage.parquet import write_table
from storage.word_maps import CLASSES, NOUNS, WORDS, WordMap
from tasks.ops.word_checks import Checked
from tasks.ops.words_report import WordMaps, words_card

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WordRequest:
    """What a version of word maps is made of: `digest` hashes all of it, `facts` tell of it.

    `is_circular` says that the vectors were learnt from the WordNet that they are checked against.
    """

    digest: str
    facts: Facts
    receipts: tuple[str, ...]
    is_circular: bool


def require_good(checked: Checked, name: str) -> None:
    """Raise ChecksFailed if word maps are not good enough to be published as `name`."""
    if checked.failures:
        raise ChecksFailed(
            f"nothing was published as {name}: {'; '.join(checked.failures)}",
            remedy="use other vectors or a larger text, or lower the thresholds if this is what you want",
        )


def publish_words(
    folder: DatasetFolder, vectors: BundleFile, maps: WordMaps, checked: Checked, request: WordRequest, *, scratch: Path
) -> tuple[Bundle, bool]:
    """Publish word maps with their card; return the version that holds them, and whether it is new.

    Raises:
        VersionConflict: another run published other content meanwhile.
    """
    tables = {NOUNS: maps.nouns} | {f"{CLASSES}{dataset}": found for dataset, found in maps.classes.items()}
    files = (vectors, *(file for name, found in tables.items() for file in _stored_map(folder, name, found, scratch)))
    facts, is_circular = request.facts, request.is_circular
    return publish_bundle(
        folder,
        BundleContent(WORDS, request.digest, facts, files, request.receipts),
        card=lambda number: words_card(folder.name, number, maps, checked, facts, is_circular=is_circular),
        scratch=scratch,
    )


def _stored_map(folder: DatasetFolder, name: str, found: WordMap, scratch: Path) -> list[BundleFile]:
    """Store the vectors of a map, which can be made again, and its table, which is spared."""
    matrix, table = scratch / f"{name}.npy", scratch / f"{name}.parquet"
    writer = NpyWriter(matrix, "<f4", found.vectors.shape[1:])
    writer.append(found.vectors)
    writer.finish()
    write_table(table, found.table)
    prefix = NOUNS if name == NOUNS else CLASSES.rstrip("-")
    return [
        BundleFile(matrix.name, store_object(folder, matrix, prefix=prefix, suffix=".npy"), is_spared=False),
        BundleFile(table.name, store_object(folder, table, prefix=prefix, suffix=".parquet"), is_spared=True),
    ]
