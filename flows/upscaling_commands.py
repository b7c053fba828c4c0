"""The commands that use a trained model on a picture: `upscale` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.command_options import Fast, Json, Slow, reported_errors
from flows.lines import as_text, say

Photo = Annotated[Path, typer.Argument(help="Picture of any size")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Picture to write: PNG, JPEG, WebP or BMP")]
Model = Annotated[str, typer.Option(help="Registered model: name, name@current or name@VERSION")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")]


def add_upscaling_commands(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.command(epilog="Example: imagemill upscale photo.jpg -o big.png --beside both.png --slow /hdd --fast /ssd")(
        upscale
    )
    app.command(
        epilog="Example: imagemill restore photo.jpg -o better.png --model gan@current --beside both.png --slow /hdd"
    )(restore)


def upscale(
    photo: Photo,
    output: Output,
    model: Model = "superres",
    beside: Annotated[Path | None, typer.Option(help="Also write bicubic and the result side by side")] = None,
    device: Device = "auto",
    slow: Slow = None,
    fast: Fast = None,
    as_json: Json = False,
) -> None:
    """Enlarge a picture by the promoted super-resolution model, tile by tile, whatever its size."""
    with reported_errors(as_json):
        _improve("upscale", photo, output, model, beside, device, slow, fast, as_json=as_json)
        if beside is not None and not as_json:
            say(f"{beside}: bicubic left, the model right")


def restore(
    photo: Photo,
    output: Output,
    model: Model = "gan",
    beside: Annotated[Path | None, typer.Option(help="Also write before and after side by side")] = None,
    device: Device = "auto",
    slow: Slow = None,
    fast: Fast = None,
    as_json: Json = False,
) -> None:
    """Mend a picture by the promoted GAN, or by its generator: of the damage that it was trained on, tile by tile."""
    with reported_errors(as_json):
        _improve("restore", photo, output, model, beside, device, slow, fast, as_json=as_json)
        if beside is not None and not as_json:
            say(f"{beside}: before left, after right")


def _improve(
    command: Literal["upscale", "restore"],
    photo: Path,
    output: Path,
    model: str,
    beside: Path | None,
    device: str,
    slow: Path | None,
    fast: Path | None,
    *,
    as_json: bool,
) -> None:
    """Do what both commands do, with a bar of tiles, and say what came of it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from flows.roots import chosen_tiers

    tiers = chosen_tiers(slow, fast)
    # Torch takes a second or two, which a wrong option should not cost.
    from flows.upscaling import RECIPES, improve_file

    console = Console(stderr=True)
    columns = (TextColumn("[bold]tiles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tiles = bar.add_task("tiles", total=None)
        done = improve_file(
            tiers,
            photo,
            output,
            recipes=RECIPES[command],
            model=model,
            beside=beside,
            device=device,
            on_tile=lambda finished, total: bar.update(tiles, completed=finished, total=total),
        )
    if as_json:
        return typer.echo(as_text(done))
    sizes = f"{done.before[0]}×{done.before[1]} → {done.after[0]}×{done.after[1]}"
    learnt = f", which learnt to mend: {', '.join(done.mends)}" if done.mends else ""
    say(f"{done.output}: {sizes} by {model}, version {done.version}{learnt}")
