"""Takes a finished training run into its model's dataset as the next version; beaten to a number, it tries again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from storage.bundle_publication import BundleContent, drafted, stored_text
from storage.bundles import Bundle, BundleFile, Facts, current_bundle
from storage.durable import remove
from storage.errors import VersionConflict
from storage.layout import DatasetFolder
from storage.models import CONFIG, CURVE, LINEAGE, MODELS, RESULT, WEIGHTS
from storage.objects import store_object
from storage.publishing import publish
from storage.receipts import StoredObject
from storage.run_directory import RunDirectory
from storage.spares import ensure_spare
from storage.versions import next_number

ATTEMPTS = 5
"""Registering takes milliseconds: several in a row that are beaten are no accident."""


def register(
    folder: DatasetFolder,
    run: RunDirectory,
    *,
    request: str,
    made_of: Facts,
    card: Callable[[int], str],
    scratch: Path,
) -> Bundle:
    """Publish what a finished run left; `card` returns the card of the version of a number. Nothing is promoted.

    The run directory stays as it is. Weights are spared: on a GPU, no run makes the same again.

    Raises:
        VersionConflict: others registered versions of this model all the time.
    """
    content = BundleContent(MODELS, request, made_of, _stored_files(folder, run, scratch))
    for attempt in range(ATTEMPTS):
        current, number = current_bundle(folder), next_number(folder)
        text = stored_text(folder, scratch / "card.md", card(number))
        draft = drafted(content, number=number, parent=current, card=text)
        try:
            version, _ = publish(folder, draft)
        except VersionConflict:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        ensure_spare(folder, version, scratch)
        return version
    raise AssertionError("the last attempt returned or raised")


def _stored_files(folder: DatasetFolder, run: RunDirectory, scratch: Path) -> tuple[BundleFile, ...]:
    paths = {
        WEIGHTS: run.weights,
        CONFIG: run.config,
        LINEAGE: run.lineage,
        RESULT: run.result,
        CURVE: run.metrics,
    }
    return tuple(BundleFile(name, _stored(folder, path, scratch), is_spared=True) for name, path in paths.items())


def _stored(folder: DatasetFolder, path: Path, scratch: Path) -> StoredObject:
    """Store a copy of a file of the run: the training process may write to its own."""
    copy = scratch / path.name
    remove(copy)
    shutil.copyfile(path, copy)
    return store_object(folder, copy, prefix=path.stem, suffix=path.suffix)
