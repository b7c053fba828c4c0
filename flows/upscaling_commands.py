"""The command that uses a trained super-resolution model: `upscale`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.command_options import Fast, Json, Slow, reported_errors
from flows.lines import as_text, say


def add_upscaling_commands(app: typer.Typer) -> None:
    """Put the command of this module on the command line."""
    app.command(epilog="Example: imagemill upscale photo.jpg -o big.png --beside both.png --slow /hdd --fast /ssd")(
        upscale
    )


def upscale(
    photo: Annotated[Path, typer.Argument(help="Picture of any size")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: PNG, JPEG, WebP or BMP")],
    model: Annotated[str, typer.Option(help="Registered model: name, name@current or name@VERSION")] = "superres",
    beside: Annotated[Path | None, typer.Option(help="Also write bicubic and the result side by side")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    slow: Slow = None,
    fast: Fast = None,
    as_json: Json = False,
) -> None:
    """Enlarge a picture by the promoted super-resolution model, tile by tile, whatever its size."""
    with reported_errors(as_json):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from flows.roots import chosen_tiers

        tiers = chosen_tiers(slow, fast)
        # Torch takes a second or two, which a wrong option should not cost.
        from flows.upscaling import upscale_file

        console = Console(stderr=True)
        columns = (TextColumn("[bold]tiles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            tiles = bar.add_task("tiles", total=None)
            done = upscale_file(
                tiers,
                photo,
                output,
                model=model,
                beside=beside,
                device=device,
                on_tile=lambda finished, total: bar.update(tiles, completed=finished, total=total),
            )
        if as_json:
            return typer.echo(as_text(done))
        say(
            f"{done.output}: {done.before[0]}×{done.before[1]} → {done.after[0]}×{done.after[1]} by {model}, "
            f"version {done.version}"
        )
        if beside is not None:
            say(f"{beside}: bicubic left, the model right")
