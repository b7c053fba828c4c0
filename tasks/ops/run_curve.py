"""The curve of a training run, read while it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from storage.json_text import NotDecoded, decoded


@dataclass(frozen=True, slots=True)
class CurveLine:
    """One line of `metrics.jsonl`; docs/formats.md says what each key holds."""

    kind: Literal["train", "valid"]
    step: int
    steps: int
    epoch: float = 0.0
    losses: Mapping[str, float | None] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    rows_per_second: float = 0.0
    learning_rate: float | tuple[float, ...] | None = None
    momentum: float | tuple[float, ...] | None = None


def curve_in(content: bytes) -> list[CurveLine]:
    """Return the whole lines in the bytes of a curve; the last one may be half-written, and does not count."""
    return [line for each in content.splitlines(keepends=True) if (line := _line_in(each)) is not None]


class CurveTail:
    """Follows a curve. A run that goes on writes it anew, without what came after its checkpoint: so does this."""

    def __init__(self, path: Path) -> None:
        self.lines: list[CurveLine] = []
        self._path, self._inode, self._offset = path, 0, 0

    def follow(self) -> bool:
        """Take in what was written since the last call; return whether there was anything."""
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if (found.st_ino, found.st_size >= self._offset) != (self._inode, True):
                    self.lines, self._inode, self._offset = [], found.st_ino, 0
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return False
        self._offset += len(whole[0]) + len(whole[1])
        self.lines += curve_in(whole[0] + whole[1])
        return bool(whole[1])


def losses_of(lines: Iterable[CurveLine]) -> dict[str, list[tuple[int, float]]]:
    """Return the losses by name, each as steps and values; what is no number is left out."""
    return _series((line.step, line.losses) for line in lines if line.kind == "train")


def metrics_of(lines: Iterable[CurveLine]) -> dict[str, list[tuple[int, float]]]:
    """Return the figures of the validations, likewise."""
    return _series((line.step, line.metrics) for line in lines if line.kind == "valid")


def schedule_of(lines: Iterable[CurveLine]) -> tuple[dict[str, list[tuple[int, float]]], ...]:
    """Return the learning rates and the momenta, each by layer group where there are several."""
    train = [line for line in lines if line.kind == "train"]
    return tuple(
        _series((line.step, _by_group(name, getattr(line, attribute))) for line in train)
        for name, attribute in (("learning rate", "learning_rate"), ("momentum", "momentum"))
    )


def _by_group(name: str, value: float | tuple[float, ...] | None) -> dict[str, float | None]:
    if not isinstance(value, tuple):
        return {name: value}
    return {f"{name}, group {number}": each for number, each in enumerate(value, start=1)}


def _series(steps: Iterable[tuple[int, Mapping[str, float | None]]]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for step, values in steps:
        for name, value in values.items():
            if value is not None:
                found.setdefault(name, []).append((step, value))
    return found


def _line_in(line: bytes) -> CurveLine | None:
    try:
        return decoded(line, CurveLine) if line.endswith(b"\n") else None
    except NotDecoded:
        return None
