"""Everything that the rest of a run depends on, gathered into one checkpoint, and put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from training.checkpoints import Checkpoints, read_checkpoint
from training.distributed import World
from training.phases import tables_of
from training.progress import Progress
from training.randomness import captured_randomness, restore_randomness
from training.steps import Run
from training.timetable import Stretch

FORMAT = 1
"""Raised whenever a checkpoint changes its meaning."""


def save_state(checkpoints: Checkpoints, run: Run, progress: Progress, stretch: Stretch, *, world: World) -> None:
    """Write a checkpoint after the last step that is done, one of `stretch`; all processes call this together."""
    own = world.gathered({"randomness": captured_randomness(), "progress": progress.state_dict()})
    if world.is_first:
        state = {
            "format": FORMAT,
            "phases": _phases_text(run),
            "steps": progress.steps,
            "place": asdict(stretch.place(progress.steps - 1)),
            "processes": own,
            "step": run.step.state_dict(),
        }
        checkpoints.save(progress.steps, state)
    world.wait()


def resumed(checkpoints: Checkpoints, run: Run, stretches: Sequence[Stretch], *, world: World) -> Progress:
    """Put `run` into the state of the newest valid checkpoint, if there is one; return how far it is.

    Raises:
        ValueError: the checkpoint is of other phases, other data, another number of processes or another format.
    """
    progress = Progress()
    # One process looks, since it renames what is damaged.
    path = world.gathered(checkpoints.newest_valid() if world.is_first else None)[0]
    if path is None:
        return progress
    state = read_checkpoint(path)
    stretch = _stretch_of(state, run, stretches, world=world, name=str(path))
    run.step.begin_phase(stretch.phase)
    run.step.load_state_dict(state["step"])
    own = state["processes"][world.rank]
    progress.load_state_dict(own["progress"], device=world.device)
    restore_randomness(own["randomness"])
    return progress


def _stretch_of(state: dict[str, Any], run: Run, stretches: Sequence[Stretch], *, world: World, name: str) -> Stretch:
    """Return the stretch that the checkpoint's last step lies in."""
    problem = f"{name} cannot be gone on from: "
    remedy = ". Use the settings of before, or another run directory"
    if state["format"] != FORMAT:
        raise ValueError(
            f"{problem}it has format {state['format']}, and this version of imagemill reads {FORMAT}{remedy}"
        )
    if len(state["processes"]) != world.size:
        raise ValueError(
            f"{problem}it was written by {len(state['processes'])} processes, and now there are {world.size}{remedy}"
        )
    if state["phases"] != _phases_text(run):
        raise ValueError(f"{problem}it was written with other phases{remedy}")
    last = state["steps"] - 1
    stretch = next(each for each in stretches if each.first <= last < each.stop)
    now = asdict(stretch.place(last))
    if state["place"] != now:
        raise ValueError(f"{problem}its last batch was {state['place']}, and with the rows of now it is {now}{remedy}")
    return stretch


def _phases_text(run: Run) -> str:
    return msgspec.json.encode(tables_of(run.phases)).decode()
