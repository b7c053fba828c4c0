"""The folder of one training run, which is all that others see of it. docs/formats.md says what each file holds.

config.toml · lineage.json · metrics.jsonl · samples/*.png · checkpoints/*.pt · weights.pt · phases.png · result.json ·
log.txt. The training process writes them, and whoever started it reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from storage.durable import create_durably, sync_file, write_durably
from storage.json_text import NotDecoded, decoded
from storage.lineage import Lineage

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Paths of a run, and how they are written."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def lineage(self) -> Path:
        return self.path / "lineage.json"

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
    def is_done(self) -> bool:
        """Tell whether the run got to its end."""
        result = self.read_result()
        return result is not None and result["state"] == "done"

    @property
    def has_begun(self) -> bool:
        """Tell whether something was learnt with the settings that lie here."""
        return self.config.exists() and (self.has_checkpoint or self.is_done)

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

    def sample(self, steps: int, name: str) -> Path:
        """Return where a picture of the validation after so many steps lies."""
        return self.samples / f"{steps:09d}-{_UNSAFE.sub('_', name)}.png"

    def write_lineage(self, lineage: Lineage) -> None:
        """Write what the run is made of."""
        write_durably(self.lineage, msgspec.json.format(msgspec.json.encode(lineage), indent=2) + b"\n")

    def read_lineage(self) -> Lineage | None:
        """Return what the run is made of, None if it is not known."""
        try:
            return decoded(self.lineage.read_bytes(), Lineage)
        except (FileNotFoundError, NotDecoded):
            return None

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
