"""`python -m training RECIPE --run-dir RUN [--config run.toml] [key=value …]`, alone or under torchrun.

Exit codes: 0 done; 1 failed, result.json says why; 2 bad settings; 11 another run has the GPU or the directory;
74 disk full or I/O error; 75 stopped after a checkpoint: the same command goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from training.configuration import resolved
from training.device_lock import LOCKS
from training.launch import ExitCode, Launch, carry_out
from training.recipes import RECIPES, recipe_named
from training.run_directory import RunDirectory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_intermixed_args(arguments)
    try:
        launch = _launch(options)
    except (ValueError, FileNotFoundError, IsADirectoryError) as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_INPUT
    return carry_out(launch)


def _parser() -> argparse.ArgumentParser:
    known = ", ".join(RECIPES) or "none yet"
    parser = argparse.ArgumentParser("python -m training", description="Train a recipe.", epilog=_epilog())
    parser.add_argument("recipe", help=f"name ({known}), or package.module")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="overrule settings; loop.seed=1 is in [loop]")
    parser.add_argument("--run-dir", type=Path, required=True, help="folder of this run; one that was stopped goes on")
    parser.add_argument("--config", type=Path, help="TOML file with settings")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--locks", type=Path, default=LOCKS, help="folder of the locks of GPUs (default: %(default)s)")
    return parser


def _epilog() -> str:
    return (__doc__ or "").partition("\n\n")[2]


def _launch(options: argparse.Namespace) -> Launch:
    recipe = recipe_named(options.recipe)
    # torchrun tells by these variables; nothing below this module reads the environment.
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    return Launch(
        recipe,
        resolved(recipe, file=options.config, assignments=options.settings),
        RunDirectory(options.run_dir),
        _device(options.device, local_rank=int(os.environ.get("LOCAL_RANK", "0"))),
        rank=rank,
        size=size,
        locks=options.locks,
    )


def _device(name: str, *, local_rank: int) -> torch.device:
    """Return the device of that name; with "auto" or "cuda", each process of this machine has a GPU of its own."""
    there = torch.cuda.device_count()
    if name == "cpu" or (name == "auto" and not there):
        return torch.device("cpu")
    try:
        device = torch.device("cuda" if name == "auto" else name)
    except RuntimeError as error:
        raise ValueError(f"there is no device {name!r}; name auto, cpu, cuda or cuda:N") from error
    device = torch.device(device.type, local_rank if device.index is None else device.index)
    if device.type == "cuda" and device.index >= there:
        raise ValueError(f"there is no device {device}; this machine shows {there} GPUs")
    return device


if __name__ == "__main__":
    sys.exit(main())
