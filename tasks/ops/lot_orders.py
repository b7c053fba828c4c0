"""What a run sends to a node of a cluster, and what comes back: jobs out, receipts in. No pixel travels."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from storage.layout import DatasetFolder
from storage.receipts import Receipt
from tasks.ops.own_code import code_digest
from tasks.ops.pixel_libraries import Libraries, pair_libraries, with_changes
from tasks.ops.shard_pool import Work

TOKEN = "premises"
"""File in the run's scratch folder by which a node knows that its disk is the run's, not one of the same name."""


class UnfitNode(ValueError):
    """A node does not see the run's folders, or has other libraries or code; it would build something else."""


@dataclass(frozen=True, slots=True)
class Premises:
    """What a node must share with the run: the scratch folder, the folders that are read, and what decides bytes."""

    folder: DatasetFolder
    scratch: Path
    reads: tuple[Path, ...]
    libraries: Libraries
    token: str
    code: str
    """Of our own modules; see `code_digest`."""

    def lay(self) -> None:
        """Write the token that nodes have to find."""
        (self.scratch / TOKEN).write_text(self.token, encoding="ascii")

    def require(self) -> None:
        """Compare this node with what the run has.

        Raises:
            UnfitNode: a folder cannot be seen or written from here, or a library or our code is another.
        """
        if problem := self._misplaced() or self._different():
            raise UnfitNode(f"the node {socket.gethostname()} {problem}")

    def _misplaced(self) -> str | None:
        remedy = "Mount the run's disks at the same paths on every node, or leave this node out"
        try:
            token = (self.scratch / TOKEN).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            return f"cannot see the dataset folder {self.folder.path} ({error}). {remedy}"
        if token != self.token:
            return f"has another disk than the run at {self.folder.path}. {remedy}"
        if not os.access(self.scratch, os.W_OK | os.X_OK):
            return f"may not write to the dataset folder {self.folder.path}. Give its user the right to"
        unseen = [str(folder) for folder in self.reads if not os.access(folder, os.R_OK | os.X_OK)]
        return f"cannot read the folder {', '.join(unseen)}. {remedy}" if unseen else None

    def _different(self) -> str | None:
        if code_digest() != self.code:
            return "has another version of imagemill than the run. Install the same one on every node"
        here = dict(pair_libraries())
        if all(here.get(name) == version for name, version in self.libraries):
            return None
        told = with_changes("has other libraries that decide pixels than the plan", self.libraries, tuple(here.items()))
        return f"{told}. Install the same versions on every node"


@dataclass(frozen=True, slots=True)
class LotOrder:
    """The work on one lot: what the node must be like, and the jobs of its shards, perhaps none."""

    premises: Premises
    work: Work[Any, Receipt]
    jobs: tuple[Any, ...]


class LotAnswer:
    """What a node writes into `file`, one pickle after the other: receipts, and at the end None or what went wrong."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, receipt: Receipt) -> None:
        """Tell that a shard is done."""
        pickle.dump(receipt, self._file)

    def end(self, error: BaseException | None) -> None:
        """Tell that the lot is done, or why it is not."""
        self._file.write(_pickled(error))
        self._file.flush()


def receipts_in(answer: bytes) -> Iterator[Receipt]:
    """Yield the receipts in the answer of a node; raise the error there, if there is one."""
    file = BytesIO(answer)
    while isinstance(found := pickle.load(file), Receipt):
        yield found
    if found is not None:
        raise found


def packed(premises: Premises, jobs: Iterable[Any], *, work: Work[Any, Receipt]) -> bytes:
    """Return an order as it travels."""
    return pickle.dumps(LotOrder(premises, work, tuple(jobs)))


def _pickled(error: BaseException | None) -> bytes:
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception as unfit:
        # Some classes cannot be made anew from their arguments; their name and text can always be told.
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error} (and it does not pickle: {unfit})"))
    return content
