"""A published dataset of red dogs, green cats and blue things, with words, splits, a model and its index to search.

The model looks at the mean colour of a picture. What the index holds is worked out here from the published pixels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.bundles import Bundle, BundleFile, bundle_identity, current_bundle
from storage.datasets import create_dataset
from storage.lineage import Code, Lineage, Metric, Origin
from storage.objects import store_object
from storage.publishing import publish
from storage.reading import open_version
from storage.registration import register
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from storage.versions import next_number
from tests.faults.bare_prepare import BareJob, prepare
from tests.oracles.conversions import encoded
from tests.storage.random_versions import stored_bytes
from tests.storage.split_bundles import published_splits
from tests.storage.stored_models import finished_run, new_model, promoted
from tests.storage.word_bundles import PublishedWords, published_words
from tests.tasks.ops.prepared_images import add_files

DOG, CAT, THING = "n00000020", "n00000050", "no such thing"
"""Of the published splits the dog is unseen, and the cat is seen."""
COLOURS = {DOG: (230, 40, 30), CAT: (40, 200, 50), THING: (50, 60, 220)}
EACH = 4
MODEL, INDEX = "devise", "features-photos-devise"
SIZE = 8
RECIPE = "tests.tasks.ops.colour_recipe"


@dataclass(frozen=True)
class Searchable:
    """The roots, the files of the pictures, the published words, and the matrix that the model consists of."""

    tiers: Tiers
    source: Path
    words: PublishedWords
    matrix: NDArray[np.float32]

    @property
    def noun_units(self) -> NDArray[np.float64]:
        """Animal, dog and cat in word space, `(3, 4)`."""
        moved = self.words.nouns.astype(np.float64) - self.words.nouns.mean(axis=0, dtype=np.float64)
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    def vectors_of(self, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        """What the model makes of `(n, side, side, 3)` pictures, each of length 1."""
        found = (pictures.mean(axis=(1, 2)) / 255 - 0.5) @ self.matrix.astype(np.float64)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """The rows at the size that the model looks at."""
        with open_version(self.tiers, "photos") as version:
            return version.rows(SIZE)[0 : len(version)]


def picture(name: str, number: int) -> Image.Image:
    """Return 24×20 pixels of a class's colour, each number with other noise."""
    noise = np.random.default_rng([number, *name.encode()]).integers(-30, 31, (20, 24, 3))
    return Image.fromarray(np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8))


def published_searchable(root: Path) -> Searchable:
    """Publish all of it below `root`: two shards of rows, and the model promoted, its index fitting."""
    tiers, source = Tiers(root / "slow", root / "slow"), root / "source"
    add_files(
        source,
        {f"{name}/{number}.png": encoded(picture(name, number), "PNG") for name in COLOURS for number in range(EACH)},
    )
    job = BareJob(str(source), str(tiers.slow), "photos", sides=(16, SIZE), rows_per_shard=7)
    assert prepare(job)["status"] == "published"
    words = published_words(tiers)
    published_splits(tiers)
    searchable = Searchable(tiers, source, words, np.zeros((3, 4), np.float32))
    targets = np.concatenate([searchable.noun_units[1:], -searchable.noun_units[1:].sum(axis=0, keepdims=True)])
    matrix = np.linalg.solve(np.array(list(COLOURS.values())) / 255 - 0.5, targets).astype(np.float32)
    searchable = Searchable(tiers, source, words, matrix)
    register_model(searchable)
    publish_index(searchable)
    return searchable


def register_model(searchable: Searchable, *, settings: str = "", words_version: int | None = 1) -> Bundle:
    """Register and promote the next version of the model; `settings` are added to its own."""
    folder = new_model(searchable.tiers.slow, MODEL)
    number = next_number(folder)
    request = f"{number:064d}"
    with scratch_folder(folder) as scratch:
        run = finished_run(scratch / "run", weights=searchable.matrix.tobytes(), request=request, recipe=RECIPE)
        run.config.write_text(
            f'recipe = "{RECIPE}"\ndataset = "photos"\nwords = "words"\nsplits = "splits-photos"\nsplit = 0\n{settings}'
        )
        origins = (Origin("words", "words", words_version, "2" * 64), Origin("rows", "photos", 1, "3" * 64))
        code = (Code("0.1.0", None, False, "4" * 64),)
        run.write_lineage(
            Lineage(RECIPE, request, Metric("accuracy", "higher"), origins, code, (), seed=0, processes=1, device="cpu")
        )
        version = register(folder, run, request=request, made_of=(), card="# {}\n".format, scratch=scratch)
    promoted(folder, version)
    return version


def publish_index(searchable: Searchable, *, encoder: str = "devise@1", shift: int = 0, length: float = 1) -> Bundle:
    """Publish what the model makes of all rows as the next version of the index; `shift` moves each to a later row."""
    folder = create_dataset(searchable.tiers.slow, INDEX, kind="features")
    with open_version(searchable.tiers, "photos") as opened:
        version = opened.version
    rows = tuple(shard.rows for shard in version.shards)
    vectors = np.roll(searchable.vectors_of(searchable.pictures), shift, axis=0).astype(np.float32) * np.float32(length)
    facts = {
        "source": {"dataset": "photos", "number": version.number, "identity": version.identity},
        "encoder": encoder,
        "encoder_digest": "cd" * 32,
        "size": SIZE,
        "dimensions": vectors.shape[1],
        "precision": "float32",
        "rows": rows,
    }
    told = stored_bytes(folder, json.dumps(facts).encode(), prefix="features", suffix=".json")
    files = [BundleFile("features.json", told, is_spared=True)]
    for place, part in enumerate(np.split(vectors, np.cumsum(rows)[:-1])):
        name = f"features-{place:05d}.npy"
        np.save(folder.tmp / name, part)
        stored = store_object(folder, folder.tmp / name, prefix="features", suffix=".npy")
        files.append(BundleFile(name, stored, is_spared=False))
    current = current_bundle(folder)
    draft = Bundle(
        number=next_number(folder),
        parent=current.number if current else None,
        identity=bundle_identity("features", tuple(files)),
        created="2026-01-01T00:00:00+00:00",
        kind="features",
        request="0" * 64,
        made_of=(),
        receipts=(),
        files=tuple(files),
        card=stored_bytes(folder, b"# features\n", prefix="card", suffix=".md"),
    )
    return publish(folder, draft)[0]
