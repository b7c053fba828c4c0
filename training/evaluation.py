"""Measures finished models on held-out rows, and `python -m training evaluate`, which does it for models of before.

python -m training evaluate RECIPE --weights OLD/weights.pt --config OLD/config.toml --rows NEW/config.toml --out F
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import torch

from storage.durable import write_durably
from training.configuration import Configuration, resolved
from training.device_lock import add_lock_options, device_lock, patience_of
from training.devices import device_named
from training.randomness import seed_all
from training.recipes import Recipe, recipe_named


def evaluated(
    recipe: Recipe, model: Configuration, weights: Path, *, rows: Configuration, device: torch.device
) -> dict[str, Any]:
    """Return the figures of a model on the held-out rows of `rows`: `metrics`, those of `groups`, and `tables`.

    Raises:
        ValueError: the recipe measures no finished models, this one does not go with the rows, or the figure that
            decides is missing.
    """
    if recipe.evaluate is None or recipe.metric is None:
        raise ValueError(f"the recipe {recipe.name} has no METRIC and no evaluate: its models cannot be compared")
    seed_all(rows.loop.seed)
    with ExitStack() as resources:
        found = recipe.evaluate(model.recipe, weights, rows=rows.recipe, device=device, resources=resources)
    if recipe.metric.name not in found.metrics:
        known = ", ".join(found.metrics) or "none"
        raise ValueError(f"{recipe.name} is decided by {recipe.metric.name!r}, and evaluate returned: {known}")
    groups = {name: _numbers(metrics) for name, metrics in found.groups.items()}
    return {"metrics": _numbers(found.metrics), "groups": groups, "tables": list(found.tables)}


def evaluate(arguments: Sequence[str]) -> None:
    """Carry out the command `evaluate`; write what was found as JSON."""
    options = _parser().parse_args(arguments)
    recipe = recipe_named(options.recipe)
    model, rows = resolved(recipe, file=options.config), resolved(recipe, file=options.rows)
    device = device_named(options.device, local_rank=int(os.environ.get("LOCAL_RANK", "0")))
    if rows.loop.cpu_threads is not None:
        torch.set_num_threads(rows.loop.cpu_threads)
    # Nothing here is left half done: a SIGTERM ends it at once, waiting or not.
    with device_lock(device, options.out, locks=options.locks, patience=patience_of(options)):
        found = evaluated(recipe, model, options.weights, rows=rows, device=device)
    write_durably(options.out, msgspec.json.encode(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m training evaluate", description="Measure a finished model on held-out rows."
    )
    parser.add_argument("recipe", help="name, or package.module")
    parser.add_argument("--weights", type=Path, required=True, help="weights.pt of the model")
    parser.add_argument("--config", type=Path, required=True, help="config.toml of the run that made it")
    parser.add_argument("--rows", type=Path, required=True, help="config.toml of the run whose held-out rows count")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add_lock_options(parser)
    return parser


def _numbers(metrics: Any) -> dict[str, float]:
    """Return figures as plain numbers; the recipe may have them as tensors."""
    return {name: torch.as_tensor(value).item() for name, value in metrics.items()}
