"""Trained models: each a dataset `model-<name>` of the kind "models", its versions bundles, one of them promoted.

A version has the files `weights.pt`, `config.toml`, `lineage.json`, `result.json` and `metrics.jsonl` of its run, as
the training process left them. Nothing here knows torch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from storage.bundles import Bundle, read_bundle
from storage.datasets import find_datasets
from storage.errors import DamagedDataset, UnknownDataset
from storage.holding import held_version
from storage.json_text import NotDecoded, decoded
from storage.layout import DatasetFolder
from storage.lineage import Lineage
from storage.plain_files import read_file
from storage.promotions import promoted_version
from storage.receipts import is_whole_object
from storage.tiers import Tiers
from storage.versions import version_numbers

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

MODELS = "models"
"""The kind of such a bundle and of its dataset."""
PREFIX = "model-"
WEIGHTS, CONFIG, LINEAGE, RESULT, CURVE = "weights.pt", "config.toml", "lineage.json", "result.json", "metrics.jsonl"
CURRENT = "current"


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table of figures for people, as the recipe wants them seen: all cells are text, and `note` may be empty."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeldOutFigures:
    """What a finished model reached on held-out rows: figures by name, those of parts of the rows, and tables."""

    metrics: dict[str, float | None]
    groups: dict[str, dict[str, float | None]] = field(default_factory=dict)
    tables: tuple[FigureTable, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelResult:
    """What of a run's `result.json` matters once it is registered; docs/formats.md has all of its keys."""

    steps: int
    metrics: dict[str, float | None]
    held_out: HeldOutFigures | None
    seconds: float


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A version that is held while it is open: paths of its weights and settings, checked, and what it is."""

    version: Bundle
    weights: Path
    config: Path
    lineage: Lineage


def model_folder(root: Path, name: str) -> DatasetFolder:
    """Return the folder of the model `name`; it need not exist."""
    return DatasetFolder.below(root, PREFIX + name)


def model_name(folder: DatasetFolder) -> str:
    """Return the name of the model in a folder."""
    return folder.name.removeprefix(PREFIX)


def find_models(root: Path) -> list[DatasetFolder]:
    """Return the folders of all models below a root, sorted by name."""
    return [folder for folder in find_datasets(root) if folder.name.startswith(PREFIX)]


def existing_model(root: Path, name: str) -> DatasetFolder:
    """Return the folder of the model `name`.

    Raises:
        UnknownDataset: there is none; the message lists those that exist.
    """
    folder = model_folder(root, name)
    if not folder.marker.is_file():
        known = ", ".join(map(model_name, find_models(root))) or "none"
        raise UnknownDataset(f"{root} has no model {name!r}; it has: {known}. To make one: imagemill train", path=root)
    return folder


def parsed_reference(reference: str) -> tuple[str, int | None]:
    """Return the name and the version that `superres@3` means; None is the promoted one, as in `superres@current`.

    Raises:
        ValueError: it means none.
    """
    name, _, version = reference.partition("@")
    if version in ("", CURRENT):
        return name, None
    if not version.isascii() or not version.isdecimal():
        raise ValueError(f"a model is named like superres, superres@current or superres@3, got {reference!r}")
    return name, int(version)


@contextmanager
def open_model(tiers: Tiers, reference: str) -> Iterator[OpenModel]:
    """Open a model by name, the promoted version unless `reference` says which; it is held while the block runs.

    Raises:
        UnknownDataset: there is no such model or version, or none was promoted.
        DamagedDataset: its files are not those that were registered.
    """
    name, number = parsed_reference(reference)
    folder = existing_model(tiers.slow, name)
    if number is None and promoted_version(folder) is None:
        known = ", ".join(map(str, version_numbers(folder))) or "none"
        raise UnknownDataset(
            f"no version of the model {name!r} is promoted; it has: {known}",
            path=folder.path,
            remedy=f"run: imagemill models promote {name} VERSION --reason WHY",
        )
    version, held = held_version(tiers, folder.name, number, current=promoted_version, read=read_bundle, making="train")
    with held:
        for name_of_file in (WEIGHTS, CONFIG, LINEAGE):
            require_whole_file(folder, version, name_of_file)
        weights, config = (folder.objects / version.file(file).name for file in (WEIGHTS, CONFIG))
        yield OpenModel(version, weights, config, lineage_in(folder, version))


def require_whole_file(folder: DatasetFolder, version: Bundle, name: str) -> None:
    """Check one file of a version, byte for byte.

    Raises:
        DamagedDataset: it is not what was registered.
    """
    stored = version.file(name)
    if not is_whole_object(folder, stored):
        path = folder.objects / stored.name
        raise DamagedDataset(
            f"{path} is not what was registered as version {version.number}",
            path=path,
            remedy=f"run: imagemill repair {folder.name}",
        )


def versions_of(folder: DatasetFolder) -> list[Bundle]:
    """Return all valid versions of a model, the newest first; a damaged one is passed over with a warning."""
    found = []
    for number in reversed(version_numbers(folder)):
        try:
            found.append(read_bundle(folder, number))
        except DamagedDataset as error:
            logger.warning("version %d is passed over: %s", number, error)
    return found


def registered_as(folder: DatasetFolder, request: str) -> Bundle | None:
    """Return the newest version that a run of this request made, if there is one.

    Raises:
        DamagedDataset: it is damaged; to train for hours instead is nobody's wish.
    """
    version = next((version for version in versions_of(folder) if version.request == request), None)
    if version is not None:
        for file in version.files:
            require_whole_file(folder, version, file.name)
    return version


def require_recipe(folder: DatasetFolder, recipe: str) -> None:
    """Check that a model is of this recipe, since models of two cannot be compared.

    Raises:
        ValueError: it is of another.
    """
    for version in versions_of(folder)[:1]:
        found = lineage_in(folder, version).recipe
        if found != recipe:
            name = model_name(folder)
            raise ValueError(f"the model {name!r} is one of {found}, and not of {recipe}; give another name: --name")


def lineage_in(folder: DatasetFolder, version: Bundle) -> Lineage:
    """Return what a version is made of.

    Raises:
        DamagedDataset: its file cannot be read.
    """
    return _read_json(folder, version, LINEAGE, Lineage)


def result_in(folder: DatasetFolder, version: Bundle) -> ModelResult:
    """Return how the run of a version ended; raise as `lineage_in` does."""
    return _read_json(folder, version, RESULT, ModelResult)


def _read_json(folder: DatasetFolder, version: Bundle, name: str, type_: type[Value]) -> Value:
    path = folder.objects / version.file(name).name
    try:
        return decoded(read_file(path), type_)
    except (FileNotFoundError, NotDecoded) as error:
        raise DamagedDataset(f"{path} cannot be read: {error}", path=path) from error
