"""Prints what `imagemill status` found: datasets, what is not finished, trainings at work, devices, and copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from flows.lines import as_text, say
from flows.terminal import fast_line, print_table
from storage.locking import Holder
from storage.staging import FastUsage
from storage.tiers import Tiers
from tasks.ops.dataset_status import DatasetStatus
from tasks.ops.file_locks import held_by
from tasks.ops.held_devices import DeviceState
from tasks.ops.running_trainings import RunningTraining


@dataclass(frozen=True, slots=True)
class Status:
    """All that stands below the roots, and what this machine is at."""

    datasets: Sequence[DatasetStatus]
    trainings: Sequence[RunningTraining]
    devices: Sequence[DeviceState]
    fast_usage: FastUsage


def print_status(status: Status, tiers: Tiers, *, as_json: bool) -> None:
    """List the datasets below the roots, what did not finish, who works on what, and what copies take."""
    if as_json:
        facts = {"slow": tiers.slow, "fast": tiers.fast, "datasets": status.datasets, "fast_usage": status.fast_usage}
        typer.echo(as_text(facts | {"trainings": status.trainings, "devices": status.devices}))
        return
    if status.datasets:
        _print_datasets(status.datasets, tiers)
    else:
        say(f"no dataset below {tiers.slow}; make one with: imagemill prepare SOURCE --dataset NAME")
    if status.trainings:
        header = ("training", "recipe", "step", "images/s", "on", "process", "since", "run")
        print_table("trainings at work", header, [_training_row(training) for training in status.trainings])
    for device in status.devices:
        say(device_line(device))
    if status.datasets and tiers.is_split:
        say(fast_line(status.fast_usage))


def device_line(device: DeviceState) -> str:
    """Return who holds a GPU, or who used it last, as one line."""
    if device.is_held:
        return f"{device.name}: held by {held_by(device.note)}"
    if device.note is None:
        return f"{device.name}: free"
    holder = device.note.holder
    return (
        f"{device.name}: free, last used by process {holder.pid} on {holder.host} from {holder.since} on, "
        f"run {device.note.run}"
    )


def _print_datasets(statuses: Sequence[DatasetStatus], tiers: Tiers) -> None:
    header = ("dataset", "version", "rows", "refused", "sizes", "format", "MB", "staged MB", "created")
    print_table(f"below {tiers.slow}", header, [_dataset_row(status) for status in statuses])
    for status in statuses:
        for plan in status.unfinished:
            say(
                f"{status.name}: an unfinished run has receipts for {plan.built} of {plan.shards} shards "
                f"({plan.listed:,} images); the same prepare command continues it"
            )
        if (pairs := status.unfinished_pairs) is not None:
            say(
                f"{status.name}: an unfinished run has receipts for {pairs.built} shards ({pairs.pairs:,} pairs) that "
                "no version holds; the same command continues it"
            )


def _dataset_row(status: DatasetStatus) -> tuple[str, ...]:
    return (
        status.name,
        f"{status.current or '-'} of {len(status.versions)}",
        f"{status.stored:,}",
        f"{status.refused:,}",
        ", ".join(map(str, status.sides)) or "-",
        status.array_format,
        f"{status.bytes / 1e6:,.1f}",
        f"{status.staged_bytes / 1e6:,.1f}",
        status.created,
    )


def _training_row(training: RunningTraining) -> tuple[str, ...]:
    step = f"{training.step:,} of {training.steps:,}" if training.step is not None else "not begun"
    rate = f"{training.images_per_second:,.0f}" if training.images_per_second is not None else "-"
    return (
        training.model,
        training.recipe or "-",
        step,
        rate,
        training.device or "-",
        _process(training.holder),
        training.holder.since if training.holder else "-",
        training.run.name,
    )


def _process(holder: Holder | None) -> str:
    return f"{holder.pid} on {holder.host}" if holder else "-"
