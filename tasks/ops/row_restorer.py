"""What makes the bad rows of pairs that a model made: a registered generator in place of a recipe of defects."""

from __future__ import annotations

import json
from dataclasses import dataclass

RESTORED_BY = "restored_by"
"""The key of a version's recipe that tells its bad rows are not those of defects."""


@dataclass(frozen=True, slots=True)
class RowRestorer:
    """A version of a model, `name` as in gan-generator@3, and the hash of its weights."""

    name: str
    digest: str

    @property
    def form(self) -> str:
        """Return what decides the rows besides those that were restored, as the recipe of a version has it."""
        return json.dumps({RESTORED_BY: self.digest}, sort_keys=True)


def restorer_in(form: str) -> str | None:
    """Return the hash of the weights that restored rows, None where they are those of a recipe of defects."""
    table = json.loads(form)
    return table.get(RESTORED_BY) if isinstance(table, dict) else None
