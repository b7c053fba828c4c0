"""The folder of one run, which is all that others see of it. docs/formats.md says what each file holds.

config.toml · metrics.jsonl · samples/*.png · checkpoints/*.pt · weights.pt · phases.png · result.json · log.txt
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.durable import create_durably, sync_file, write_durably

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Paths of a run, and how they are written."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def weights(self) -> Path:
        return self.path / "weights.pt"

    @property
    def phases(self) -> Path:
        return self.path / "phases.png"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def has_checkpoint(self) -> bool:
        """Tell whether there is something to go on from."""
        return any(self.checkpoints.glob("*.pt"))

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one line to the curve."""
        with self.metrics.open("ab") as file:
            file.write(msgspec.json.encode(dict(line)) + b"\n")

    def cut_metrics(self, steps: int) -> None:
        """Keep the lines of the first `steps` steps: those after them come once more."""
        if not self.metrics.exists():
            return
        content = self.metrics.read_bytes()
        kept = [line for line in content.splitlines(keepends=True) if _is_of_first(line, steps)]
        write_durably(self.metrics, b"".join(kept))

    def sync_metrics(self) -> None:
        """Make the curve durable, which a checkpoint has to find as it left it."""
        if self.metrics.exists():
            sync_file(self.metrics)

    def write_sample(self, steps: int, name: str, picture: NDArray[np.uint8]) -> None:
        """Write `(h, w, 3)` uint8 RGB as a PNG."""
        self.samples.mkdir(exist_ok=True)
        path = self.samples / f"{steps:09d}-{_UNSAFE.sub('_', name)}.png"
        partial = path.with_suffix(".partial")
        Image.fromarray(picture).save(partial, "PNG")
        partial.replace(path)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write how the run ended, unless another of its processes did."""
        content = msgspec.json.format(msgspec.json.encode(dict(result)), indent=2)
        create_durably(self.result, content + b"\n")

    def read_result(self) -> dict[str, Any] | None:
        """Return how the run ended the last time, None if it never did."""
        try:
            return msgspec.json.decode(self.result.read_bytes())
        except FileNotFoundError:
            return None


def _is_of_first(line: bytes, steps: int) -> bool:
    """Tell whether a line is whole, which the last of a killed run need not be, and of one of the first steps."""
    try:
        return line.endswith(b"\n") and msgspec.json.decode(line)["step"] <= steps
    except msgspec.DecodeError:
        return False
