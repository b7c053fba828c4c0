"""The commands on words: `words` makes word maps, `words near` and `words compare` ask them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.command_options import Fast, FastBudget, Json, Slow, command_group, reported_errors

Name = Annotated[str, typer.Option("--name", help="Name of the dataset of word maps")]

words_app = command_group(invoke_without_command=True)


def add_word_commands(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.add_typer(
        words_app,
        name="words",
        help="Make vectors and maps of all WordNet nouns and of the classes of datasets, or ask them.",
        epilog="Examples: imagemill words --dataset demo --slow /hdd --fast /ssd; "
        "imagemill words --vectors GoogleNews-vectors-negative300.bin --dataset imagenet; "
        "imagemill words near golden_retriever; imagemill words compare pug dog",
    )


@words_app.callback()
def words(
    context: typer.Context,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    name: Name = "words",
    dataset: Annotated[list[str] | None, typer.Option(help="Map the classes of this dataset; may be repeated")] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Take vectors from a file such as GoogleNews-vectors-negative300.bin[.gz]")
    ] = None,
    corpus: Annotated[Path | None, typer.Option(help="Learn from this text; WordNet itself by default")] = None,
    wordnet: Annotated[Path | None, typer.Option(help="Folder or zip with WordNet 3.0, if elsewhere")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch WordNet if this machine has none")] = False,
    dimensions: Annotated[int, typer.Option(help="Of vectors that are learnt")] = 100,
    epochs: Annotated[int, typer.Option(help="How often the text is gone through")] = 3,
    window: Annotated[int, typer.Option(help="Words to either side that belong to the context")] = 5,
    min_count: Annotated[int | None, typer.Option(help="Learn words that occur so often [1 WordNet, 5 else]")] = None,
    alpha: Annotated[float | None, typer.Option(help="Learning rate at the start [0.05 WordNet, 0.025 else]")] = None,
    threads: Annotated[int, typer.Option(help="To learn with; with more than one no two runs are equal")] = 1,
    seed: Annotated[int, typer.Option(help="Of the text's order and of the learning")] = 0,
    min_relations: Annotated[float, typer.Option(help="Share of known relations that must be checkable")] = 0.5,
    min_relations_held: Annotated[float, typer.Option(help="Share of those that must hold")] = 0.9,
    min_correlation: Annotated[
        float | None, typer.Option(help="With Wu–Palmer similarity [0.7 WordNet, 0.2 else]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make word vectors, match nouns and classes with them, check, and publish."""
    if context.invoked_subcommand:
        return require_nothing_before(context)
    with reported_errors(as_json):
        from flows.build_word_maps import build_word_maps
        from flows.orchestrator import prefect_server
        from flows.roots import chosen_tiers
        from flows.word_job import WordJob
        from flows.word_terminal import print_words

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        job = WordJob.model_validate(
            {
                "slow": tiers.slow,
                "fast": tiers.fast,
                "fast_budget": tiers.fast_budget,
                "name": name,
                "datasets": dataset or (),
                "vectors": vectors,
                "corpus": corpus,
                "wordnet": wordnet,
                "download": download,
                "dimensions": dimensions,
                "epochs": epochs,
                "window": window,
                "min_count": min_count,
                "alpha": alpha,
                "threads": threads,
                "seed": seed,
                "min_relations": min_relations,
                "min_relations_held": min_relations_held,
                "min_correlation": min_correlation,
            }
        )
        with prefect_server():
            outcome = build_word_maps(job)
        print_words(outcome, as_json=as_json)


def require_nothing_before(context: typer.Context) -> None:
    """Refuse options that stand before the name of a subcommand, where they would count for nothing."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"put {option} after {context.invoked_subcommand}", context)


@words_app.command(epilog="Example: imagemill words near golden_retriever --count 5 --slow /hdd --fast /ssd")
def near(
    word: Annotated[str, typer.Argument(help="A noun; a space is the same as _")],
    slow: Slow = None,
    fast: Fast = None,
    name: Name = "words",
    count: Annotated[int, typer.Option(min=1, help="So many nouns")] = 10,
    as_json: Json = False,
) -> None:
    """List the nouns nearest to a word."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from flows.word_terminal import print_neighbours
        from storage.word_maps import open_word_maps
        from tasks.ops.word_lookup import near_word

        with open_word_maps(chosen_tiers(slow, fast), name) as maps:
            print_neighbours(near_word(word, maps.nouns, maps.vectors, count=count), as_json=as_json)


@words_app.command(epilog="Example: imagemill words compare pug dog --slow /hdd --fast /ssd")
def compare(
    first: Annotated[str, typer.Argument(help="A word; a space is the same as _")],
    second: Annotated[str, typer.Argument(help="Another word")],
    slow: Slow = None,
    fast: Fast = None,
    name: Name = "words",
    as_json: Json = False,
) -> None:
    """Tell how near two words are: the cosine of their vectors, and how many nouns are nearer."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from flows.word_terminal import print_comparison
        from storage.word_maps import open_word_maps
        from tasks.ops.word_lookup import compared

        with open_word_maps(chosen_tiers(slow, fast), name) as maps:
            print_comparison(compared(first, second, maps.nouns, maps.vectors), as_json=as_json)
