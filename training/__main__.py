"""`python -m training RECIPE --run-dir RUN [--config run.toml] [key=value …]`, alone or under torchrun.

Exit codes: 0 done; 1 failed, result.json says why; 2 bad settings; 11 another run has the GPU or the directory;
74 disk full or I/O error; 75 stopped after a checkpoint: the same command goes on.

`python -m training describe RECIPE …` tells what a run would be, `… evaluate RECIPE …` measures a finished model, and
`… features DATASET …` publishes what a model makes of all rows of a dataset, `… restore-rows DATASET …` what one makes
of the bad rows of pairs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from storage.errors import DatasetError
from storage.run_directory import RunDirectory
from tasks.ops.exit_codes import ExitCode
from training.configuration import Configuration, continued
from training.description import describe
from training.device_lock import add_lock_options
from training.devices import device_named
from training.evaluation import evaluate
from training.exit_codes import code_of
from training.features_command import features
from training.launch import Launch, carry_out
from training.recipes import Recipe, recipe_named
from training.restore_rows import restore_rows
from training.settings_options import add_settings, configuration_of

_OTHERS = {"describe": describe, "evaluate": evaluate, "features": features, "restore-rows": restore_rows}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if given and given[0] in _OTHERS:
            _OTHERS[given[0]](given[1:])
            return ExitCode.DONE
        launch = _launch(_parser().parse_intermixed_args(given))
    except (Exception, KeyboardInterrupt) as error:
        code = code_of(error)
        if code == ExitCode.FAILED and not isinstance(error, DatasetError):
            raise
        print(error or type(error).__name__, file=sys.stderr)
        return code
    return carry_out(launch)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m training", description="Train a recipe.", epilog=_epilog())
    add_settings(parser)
    parser.add_argument("--run-dir", type=Path, required=True, help="folder of this run; one that was stopped goes on")
    add_lock_options(parser)
    return parser


def _epilog() -> str:
    return (__doc__ or "").partition("\n\n")[2]


def _launch(options: argparse.Namespace) -> Launch:
    recipe, directory = recipe_named(options.recipe), RunDirectory(options.run_dir)
    # torchrun tells by these variables; nothing below this module reads the environment.
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    return Launch(
        recipe,
        _as_begun(recipe, configuration_of(recipe, options), directory),
        directory,
        device_named(options.device, local_rank=int(os.environ.get("LOCAL_RANK", "0"))),
        rank=rank,
        size=size,
        locks=options.locks,
        wait_seconds=options.wait_for_device,
    )


def _as_begun(recipe: Recipe, configuration: Configuration, directory: RunDirectory) -> Configuration:
    """Return the settings with what "current" meant when the run in the directory began, if it has got anywhere."""
    if not directory.has_begun:
        return configuration
    return continued(recipe, configuration, tomllib.loads(directory.config.read_text()))


if __name__ == "__main__":
    sys.exit(main())
