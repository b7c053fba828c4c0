"""Makes and finds datasets below a root; `dataset.json` marks a folder as one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from storage.durable import sync_folder
from storage.errors import UnknownDataset, named_disk_errors
from storage.layout import NAME_PATTERN, ON_DEMAND, PARTS, DatasetFolder
from storage.plain_files import require_folder
from storage.records import create_record, read_record

IMAGES = "images"


@dataclass(frozen=True, slots=True)
class DatasetMark:
    """The content of `dataset.json`; `kind` says what it holds: `IMAGES`, or the kind of its bundles."""

    name: str
    kind: str


def create_dataset(root: Path, name: str, *, kind: str = IMAGES) -> DatasetFolder:
    """Make the folder of the dataset `name` with its parts, or return the one that is there.

    Raises:
        UnreadableRecord: another version of this code made it.
        ValueError: there is one of that name, and it is of another kind.
    """
    folder = DatasetFolder.below(root, name)
    with named_disk_errors(folder.path, doing="its folders were made"):
        return _made(folder, kind)


def _made(folder: DatasetFolder, kind: str) -> DatasetFolder:
    make_parts(folder)
    if not create_record(folder.marker, "dataset", DatasetMark(folder.name, kind)):
        found = kind_of(folder)
        if found != kind:
            raise ValueError(f"{folder.path} is a dataset of {found:.40}, and cannot take {kind}; choose another name")
    return folder


def kind_of(folder: DatasetFolder) -> str:
    """Return what a dataset holds: `IMAGES`, or the kind of its bundles."""
    return read_record(folder.marker, "dataset", DatasetMark).kind


def existing_dataset(root: Path, name: str) -> DatasetFolder:
    """Return the folder of the dataset `name`.

    Raises:
        UnknownDataset: there is none; the message lists those that exist.
        DamagedDataset: one of its parts is no folder of its own.
    """
    folder = DatasetFolder.below(root, name)
    if not folder.path.is_dir():
        known = ", ".join(found.name for found in find_datasets(root)) or "none"
        raise UnknownDataset(f"{root} has no dataset {name!r}; it has: {known}", path=root)
    require_own_parts(folder)
    return folder


def require_own_parts(folder: DatasetFolder, parts: tuple[str, ...] = (*PARTS, *ON_DEMAND)) -> None:
    """Check that what is there of the parts of a dataset are folders: a link would lead out of it.

    Raises:
        DamagedDataset: one is not.
    """
    for path in (folder.path / part for part in parts):
        if os.path.lexists(path):
            require_folder(path)


def make_parts(folder: DatasetFolder) -> None:
    """Make the folders of a dataset that are not there, durably: what is synced in a folder is lost with it."""
    require_own_parts(folder)
    wanted = [*reversed(folder.path.absolute().parents), folder.path, *(folder.path / part for part in PARTS)]
    missing = [path for path in wanted if not path.exists()]
    for path in missing:
        path.mkdir(exist_ok=True)
    for parent in {path.parent for path in missing}:
        sync_folder(parent)


def find_datasets(root: Path) -> list[DatasetFolder]:
    """Return the datasets below `root`, sorted by name."""
    if not root.is_dir():
        return []
    folders = (DatasetFolder(path) for path in sorted(root.iterdir()) if NAME_PATTERN.fullmatch(path.name))
    return [folder for folder in folders if folder.marker.is_file()]
