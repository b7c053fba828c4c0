"""`python -m training describe RECIPE …`: what a run of these settings would be, as JSON, without running it.

Whoever starts runs learns by it which ones are equal; only the recipe knows what its settings mean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from storage.lineage import Lineage
from training.lineages import asked_for, lineage_of
from training.recipes import recipe_named
from training.settings_options import add_settings, configuration_of
from training.toml_text import toml_text


@dataclass(frozen=True, slots=True)
class Description:
    """The settings of a run as `config.toml` has them, its lineage, and the hash of what was asked for.

    Two commands that ask the same may get other rows, since what is current changes; then their lineages differ.
    """

    asked: str
    config: str
    lineage: Lineage


def describe(arguments: Sequence[str]) -> None:
    """Carry out the command `describe`."""
    options = _parser().parse_intermixed_args(arguments)
    recipe = recipe_named(options.recipe)
    configuration = configuration_of(recipe, options)
    lineage = lineage_of(recipe, configuration, processes=options.processes, device=options.device)
    asked = asked_for(configuration, processes=options.processes)
    description = Description(asked, toml_text(configuration.table), lineage)
    sys.stdout.write(msgspec.json.encode(description).decode() + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m training describe", description="Say what a run would be, as JSON.")
    add_settings(parser)
    parser.add_argument("--processes", type=int, default=1, help="so many would train together")
    return parser
