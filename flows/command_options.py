"""What all commands share: the options that name the roots, and errors as one sentence with an exit code."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from flows.lines import say
from flows.own_loggers import OUR_PACKAGES

Slow = Annotated[Path | None, typer.Option("--slow", help="Root on the large disk [IMAGEMILL_SLOW, imagemill.toml]")]
Fast = Annotated[Path | None, typer.Option("--fast", help="Root on the quick disk [IMAGEMILL_FAST, imagemill.toml]")]
FastBudget = Annotated[
    str | None,
    typer.Option(help="What copies may take there, e.g. 200GB [IMAGEMILL_FAST_BUDGET, imagemill.toml]"),
]
ImageTree = Annotated[Path | None, typer.Option("--source", help="Folder with a folder of images for each class")]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="Name of the dataset; that of the folder by default")
]
Configurations = Annotated[
    Path | None, typer.Option(help="Folder with settings of recipes, RECIPE.toml each; else those of the scale")
]
Vectors = Annotated[
    Path | None, typer.Option(help="Word vectors in word2vec's format; else they are learnt from WordNet")
]
Runner = Annotated[str, typer.Option("--runner", help="processes of this machine, or dask: the machines of a cluster")]
DaskScheduler = Annotated[
    str | None,
    typer.Option(
        "--dask-scheduler", help="Where the cluster is, tcp://host:8786; without it, one on this machine for this run"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines")]

NOBODY_READS = 128 + signal.SIGPIPE
"""What a shell gives for a command that wrote to `head` when that had enough."""


def command_group(
    *, cls: type[TyperGroup] | None = None, no_args_is_help: bool = False, invoke_without_command: bool = False
) -> typer.Typer:
    """Return a group of commands that helps and fails as all of ours do; the arguments are typer's."""
    return typer.Typer(
        cls=cls,
        no_args_is_help=no_args_is_help,
        invoke_without_command=invoke_without_command,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


@contextmanager
def reported_errors(as_json: bool) -> Iterator[None]:
    """Turn an error that means something to the user into one sentence and its exit code; tell warnings as well."""
    from flows.exit_codes import exit_code_of

    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _told_warnings():
            yield
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            raise typer.Exit(NOBODY_READS) from None
        code = exit_code_of(error)
        if code is None:
            raise
        message = error_text(error)
        if as_json:
            typer.echo(json.dumps({"error": message, "exit_code": int(code)}))
        else:
            say(f"error: {message}", err=True)
        raise typer.Exit(int(code)) from error
    finally:
        signal.signal(signal.SIGTERM, previous)


def _nobody_reads() -> bool:
    """Tell whether it is standard output that nobody reads any more; if so, what is still to come goes nowhere."""
    descriptor = sys.stdout.fileno()
    poll = select.poll()
    poll.register(descriptor, 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), descriptor)
    return True


def error_text(error: BaseException) -> str:
    """Return what went wrong as one line; pydantic's many lines become one for each wrong field."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was finished is kept, run the same command again to continue"
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        fields = [(".".join(map(str, item["loc"])), item["msg"]) for item in error.errors()]
        return "; ".join(f"{field}: {message}" if field else message for field, message in fields)
    return str(error)


class _WarningLines(logging.Handler):
    """Prints warnings, and nothing else, to standard error: errors are told when the command ends."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            say(f"warning: {record.getMessage()}", err=True)


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Tell what our own packages warn of: Prefect's log, which would, is silent at the terminal."""
    handler = _WarningLines(logging.WARNING)
    for name in OUR_PACKAGES:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in OUR_PACKAGES:
            logging.getLogger(name).removeHandler(handler)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
