"""Checkpoints on disk: written whole or not at all, their checksum in their names, read without running anything.

`<steps>-<BLAKE3, 32 digits>.pt` is an ordinary torch file. One that is not what its name says is put aside.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from storage.digests import digest_of
from storage.durable import write_durably

_NAME = re.compile(r"(\d{9,})-([0-9a-f]{32})\.pt")
DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of a run; the newest `keep` stay."""

    folder: Path
    keep: int = 3

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"at least 1 checkpoint has to be kept, got {self.keep}")

    def save(self, steps: int, state: Mapping[str, Any]) -> Path:
        """Write the state after so many steps, durably; remove what is older than the newest `keep`."""
        content = torch_bytes(state)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{steps:09d}-{digest_of(content)[:32]}.pt"
        write_durably(path, content)
        for old in self.paths()[self.keep :]:
            old.unlink(missing_ok=True)
        return path

    def paths(self) -> list[Path]:
        """Return the checkpoints there are, newest first."""
        found = [path for path in self.folder.glob("*.pt") if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_steps_of(path), path.name), reverse=True)

    def newest_valid(self) -> Path | None:
        """Return the newest checkpoint that is what was written; warn of each newer one that is not."""
        for path in self.paths():
            if digest_of(path.read_bytes())[:32] == _digest_in(path):
                return path
            path.replace(path.with_name(path.name + DAMAGED))
            warnings.warn(
                f"{path} is damaged: its bytes are not those that were written. It is now called {path.name}{DAMAGED}, "
                "and the run goes on from the checkpoint before it",
                stacklevel=2,
            )
        return None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state in a checkpoint, tensors on the CPU; nothing but tensors and plain values is ever made of it.

    Raises:
        ValueError: it is damaged.
    """
    content = path.read_bytes()
    if digest_of(content)[:32] != _digest_in(path):
        raise ValueError(f"{path} is damaged: its bytes are not those that were written; use an older checkpoint")
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def torch_bytes(state: Mapping[str, Any]) -> bytes:
    """Return `state` as the bytes of a torch file."""
    file = io.BytesIO()
    torch.save(dict(state), file)
    return file.getvalue()


def _parsed(path: Path) -> re.Match[str]:
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise ValueError(f"{path} is not named like a checkpoint: <steps>-<32 hexadecimal digits>.pt")
    return found


def _steps_of(path: Path) -> int:
    return int(_parsed(path)[1])


def _digest_in(path: Path) -> str:
    return _parsed(path)[2]
