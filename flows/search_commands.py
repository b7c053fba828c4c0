"""The command that searches published images by words, or by a picture: `search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.command_options import Fast, Json, Slow, reported_errors


def add_search_commands(app: typer.Typer) -> None:
    """Put the command of this module on the command line."""
    app.command(
        epilog="Examples: imagemill search 'golden retriever' -o sheet.png --slow /hdd --fast /ssd; "
        "imagemill search dog snow; imagemill search n02099601; imagemill search --image photo.jpg --nouns 20"
    )(search)


def search(
    words: Annotated[list[str] | None, typer.Argument(help="Nouns, phrases or wnids; several are averaged")] = None,
    image: Annotated[Path | None, typer.Option(help="Search with a picture: nouns and images near it")] = None,
    dataset: Annotated[str | None, typer.Option(help="Which images; those of the model's training by default")] = None,
    model: Annotated[str, typer.Option(help="Registered model: name, name@current or name@VERSION")] = "devise",
    count: Annotated[int, typer.Option(min=1, help="So many images")] = 24,
    nouns: Annotated[int, typer.Option(min=1, help="So many nouns, with --image")] = 10,
    classes_only: Annotated[bool, typer.Option("--classes-only", help="With --image, name classes only")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="PNG file for the pictures found")] = None,
    word_maps: Annotated[str | None, typer.Option("--words", help="Other word maps than the model learnt")] = None,
    no_index: Annotated[bool, typer.Option("--no-index", help="Search the index that is there, make none")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    slow: Slow = None,
    fast: Fast = None,
    as_json: Json = False,
) -> None:
    """Find images by words, whether or not the model learnt from such; or nouns and images by a picture."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from flows.search_order import SearchOrder, answered
        from flows.search_terminal import print_result

        order = SearchOrder(
            chosen_tiers(slow, fast),
            tuple(words or ()),
            image,
            model=model,
            dataset=dataset,
            words=word_maps,
            count=count,
            nouns=nouns,
            among="classes" if classes_only else "nouns",
            sheet=output,
            makes_index=not no_index,
            device=device,
        )
        print_result(answered(order), output, as_json=as_json)
