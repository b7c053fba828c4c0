"""The commands that check, mend and clear out what was published: verify, repair, gc.

They need no Prefect: whoever runs them by hand may have nothing left but the disks.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from flows.command_options import Fast, Json, Slow, reported_errors

Name = Annotated[str, typer.Argument(help="Name of the dataset")]

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def add_integrity_commands(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.command(epilog="Example: imagemill verify imagenet --slow /hdd --fast /ssd --sample 5%")(verify)
    app.command(epilog="Example: imagemill repair imagenet --slow /hdd --fast /ssd --shards 3:7")(repair)
    app.command(epilog="Example: imagemill gc imagenet --slow /hdd --keep 3 --apply")(gc)


def verify(
    name: Name,
    slow: Slow = None,
    fast: Fast = None,
    quick: Annotated[bool, typer.Option("--quick", help="Records, existence and sizes only")] = False,
    sample: Annotated[str | None, typer.Option(help="Hash a share of the files, another each day, e.g. 5%")] = None,
    full: Annotated[bool, typer.Option("--full", help="Hash every file (this is the default)")] = False,
    as_json: Json = False,
) -> None:
    """Compare what is on disk with what was published; exit code 1 if anything is damaged."""
    with reported_errors(as_json):
        from flows.byte_bar import byte_bar
        from flows.integrity_terminal import print_verification
        from flows.roots import chosen_tiers
        from storage.check_notes import note_check
        from storage.verification import seed_of_today, verified

        share = chosen_share(quick=quick, sample=sample, full=full)
        tiers = chosen_tiers(slow, fast)
        with byte_bar(f"verifying {name}") as bar:
            found = verified(tiers, name, share=share, seed=seed_of_today(), on_start=bar.start, on_bytes=bar.add)
        note_check(tiers.authority(name), found, share=share)
        print_verification(found, as_json=as_json)
    if not found.is_whole:
        raise typer.Exit(1)


def repair(
    name: Name,
    slow: Slow = None,
    fast: Fast = None,
    source: Annotated[Path | None, typer.Option(help="Where the images are now, if they were moved")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; as many as there are cores by default")] = None,
    shards: Annotated[
        str | None,
        typer.Option(help="Build these of the current version again although they look whole, e.g. 3:7 (3, 4, 5, 6)"),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="The same for each shard with a row of this class; may be repeated"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Restore damaged or missing files to the bit, from copies or from the images; exit code 1 if some can't be.

    With --shards or --class: build these shards again although they look whole,
    and compare them with what was published. For a disk or a machine in doubt, or
    to see whether a new library gives the same pixels. Rows are shuffled, so a
    class of a large set lies in most shards. What was published never changes;
    exit code 1 if a shard comes out differently, with the reason.
    """
    if shards is not None or classes:
        rerun(
            name, slow, fast=fast, source=source, workers=workers, shards=shards, classes=classes or [], as_json=as_json
        )
        return
    with reported_errors(as_json):
        from flows.byte_bar import byte_bar
        from flows.integrity_terminal import print_repair
        from flows.roots import chosen_tiers
        from flows.run_log import run_log
        from storage.datasets import existing_dataset
        from tasks.ops.repair import repair_dataset
        from tasks.ops.shard_pool import default_workers

        tiers = chosen_tiers(slow, fast)
        with run_log(existing_dataset(tiers.slow, name), "repair"), byte_bar(f"verifying {name}") as bar:
            done = repair_dataset(
                tiers,
                name,
                source=source,
                workers=workers or default_workers(),
                on_start=bar.start,
                on_bytes=bar.add,
            )
        print_repair(done, as_json=as_json)
    if not done.is_whole:
        raise typer.Exit(1)


def rerun(
    name: str,
    slow: Path | None,
    *,
    fast: Path | None,
    source: Path | None,
    workers: int | None,
    shards: str | None,
    classes: list[str],
    as_json: bool,
) -> None:
    """Build a range of shards again, print what came of it, and end with 1 if it was not the same."""
    with reported_errors(as_json):
        from flows.byte_bar import byte_bar
        from flows.integrity_terminal import print_rerun
        from flows.roots import chosen_tiers
        from flows.run_log import run_log
        from storage.datasets import existing_dataset
        from tasks.ops.shard_pool import default_workers
        from tasks.ops.shard_rerun import rerun_shards

        if shards is not None and classes:
            raise ValueError("choose shards by --shards or by --class, not by both")
        tiers = chosen_tiers(slow, fast)
        with run_log(existing_dataset(tiers.slow, name), "repair"), byte_bar(f"building shards of {name}") as bar:
            done = rerun_shards(
                tiers,
                name,
                shards=shards,
                classes=classes,
                source=source,
                workers=workers or default_workers(),
                on_start=bar.start,
                on_bytes=bar.add,
            )
        print_rerun(done, as_json=as_json)
    if not done.is_reproduced:
        raise typer.Exit(1)


def gc(
    name: Name,
    slow: Slow = None,
    fast: Fast = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Versions to keep; all by default")] = None,
    grace: Annotated[str, typer.Option(help="Nothing younger is touched: 7d, 12h, 30m")] = "7d",
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without this, only say what would go")] = False,
    as_json: Json = False,
) -> None:
    """Say what nothing needs any more; with --apply, move it to the trash, and empty old trash."""
    with reported_errors(as_json):
        from flows.integrity_terminal import print_collection
        from flows.roots import chosen_tiers
        from flows.run_log import run_log
        from storage.collection import collect, planned_collection
        from storage.datasets import existing_dataset

        folder, period = existing_dataset(chosen_tiers(slow, fast).slow, name), chosen_period(grace)
        if apply:
            with run_log(folder, "gc"):
                done = collect(folder, keep=keep, grace=period)
        else:
            done = planned_collection(folder, keep=keep, grace=period)
        print_collection(done, applied=apply, as_json=as_json)


def chosen_share(*, quick: bool, sample: str | None, full: bool) -> float:
    """Return the share of the files to hash, in [0, 1].

    Raises:
        ValueError: more than one of the three is given, or the sample is no share.
    """
    if quick + full + (sample is not None) > 1:
        raise ValueError("choose one of --quick, --sample and --full")
    if sample is None:
        return 0.0 if quick else 1.0
    try:
        share = float(sample.removesuffix("%")) / (100 if sample.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise ValueError(f"--sample should be a share such as 5% or 0.05, got {sample!r}")
    return share


def chosen_period(text: str) -> timedelta:
    """Return the period that `text` means: a number and d, h or m.

    Raises:
        ValueError: it means none.
    """
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isdecimal():
        raise ValueError(f"--grace should be a number of days, hours or minutes such as 7d, 12h or 30m, got {text!r}")
    return timedelta(**{unit: int(number)})
