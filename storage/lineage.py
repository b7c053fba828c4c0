"""What a trained model is made of: data, weights, code and libraries, written by the process that trained it.

`lineage.json` of a run holds a `Lineage`, and a registered model takes it along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Metric:
    """The figure that decides between two models of a recipe, and which way it gets better."""

    name: str
    better: Better

    def is_better(self, value: float | None, than: float | None) -> bool:
        """Tell whether `value` is better; what is no number is worse than any number, and nothing beats its equal."""
        if value is None or not math.isfinite(value):
            return False
        if than is None or not math.isfinite(than):
            return True
        return value > than if self.better == "higher" else value < than


@dataclass(frozen=True, slots=True)
class Origin:
    """Something that a run stands on: a version of a dataset with its identity, or a file with its BLAKE3.

    `role` says what it is for, such as "rows" or "encoder weights"; `version` is None for a file.
    """

    role: str
    name: str
    version: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Code:
    """The code that trained: imagemill's version and commit, and the BLAKE3 of the recipe's own file.

    `commit` is None outside a git checkout; `is_changed` tells of changes that nobody committed.
    """

    package: str
    commit: str | None
    is_changed: bool
    recipe: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a run was asked for and what it stands on.

    `request` hashes its settings and its origins: an equal request makes an equal model, as far as code and hardware
    let it. `metric` is None for a recipe that measures no finished models. `code` has more than one entry if the run
    went on with other code.
    """

    recipe: str
    request: str
    metric: Metric | None
    origins: tuple[Origin, ...]
    code: tuple[Code, ...]
    libraries: tuple[tuple[str, str], ...]
    seed: int
    processes: int
    device: str
