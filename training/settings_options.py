"""The part of a command line that names a recipe and its settings, the same in every command that takes them."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.configuration import Configuration, resolved
from training.recipes import RECIPES, Recipe


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add recipe, settings, roots and device to a parser."""
    known = ", ".join(RECIPES) or "none yet"
    parser.add_argument("recipe", help=f"name ({known}), or package.module")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="overrule settings; loop.seed=1 is in [loop]")
    parser.add_argument("--config", type=Path, help="TOML file with settings")
    parser.add_argument("--slow", type=Path, help="root on the large disk, for recipes that read datasets")
    parser.add_argument("--fast", type=Path, help="root on the quick disk")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def configuration_of(recipe: Recipe, options: argparse.Namespace) -> Configuration:
    """Return the settings that a command line gives to a recipe; raise as `resolved` does."""
    roots = {name: getattr(options, name).absolute() for name in ("slow", "fast") if getattr(options, name)}
    return resolved(recipe, file=options.config, assignments=options.settings, roots=roots)
