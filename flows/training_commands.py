"""The commands on training: `train` makes a model, `models` lists them and says which version is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flows.command_options import Fast, Json, Slow, command_group, reported_errors


class _ListsByDefault(TyperGroup):
    """Takes `models` and `models NAME` for `models list` and `models list NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_command = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_command else ["list", *args])


models_app = command_group(cls=_ListsByDefault)


def add_training_commands(app: typer.Typer) -> None:
    """Put the commands of this module on the command line."""
    app.command(
        epilog="Examples: imagemill train superres --config superres.toml dataset=photos --slow /hdd --fast /ssd; "
        "imagemill train my.recipes.denoise batch_size=8 loop.seed=1. Run it again, and a run that stopped goes on.",
    )(train)
    app.add_typer(
        models_app,
        name="models",
        help="List models with their versions and figures, or say which version is used.",
        epilog="Examples: imagemill models --slow /hdd; imagemill models superres; "
        'imagemill models promote superres 3 --reason "sharper faces"',
    )


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, or the dotted path of its module")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrule settings")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings")] = None,
    slow: Slow = None,
    fast: Fast = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; that of the recipe by default")] = None,
    new_run: Annotated[bool, typer.Option("--new-run", help="Train anew, though an equal run was begun")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    processes: Annotated[int, typer.Option(help="Train together, one GPU each")] = 1,
    resumes: Annotated[int, typer.Option(help="How often a run that others stopped goes on by itself")] = 5,
    device_wait: Annotated[int, typer.Option(help="Seconds to wait for a GPU that another run holds")] = 0,
    as_json: Json = False,
) -> None:
    """Train a model, register it, and promote it if it is better than the one in use."""
    with reported_errors(as_json):
        from flows.orchestrator import prefect_server
        from flows.roots import chosen_tiers
        from flows.train_job import TrainJob
        from flows.train_model import train_model
        from flows.training_terminal import print_trained

        tiers = chosen_tiers(slow, fast)
        job = TrainJob.model_validate(
            {
                "recipe": recipe,
                "slow": tiers.slow,
                "fast": tiers.fast,
                "config": config.absolute() if config else None,
                "settings": settings or (),
                "name": name,
                "new_run": new_run,
                "device": device,
                "processes": processes,
                "resumes": resumes,
                "device_wait": device_wait,
            }
        )
        with prefect_server():
            outcome = train_model(job)
        print_trained(outcome, as_json=as_json)


@models_app.command("list", epilog="Example: imagemill models superres --slow /hdd --json")
def list_models(
    name: Annotated[str | None, typer.Argument(help="Name of a model; all by default")] = None,
    slow: Slow = None,
    fast: Fast = None,
    as_json: Json = False,
) -> None:
    """List the versions of models, their figures on held-out rows, and which is used."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from flows.training_terminal import print_models
        from storage.models import existing_model, find_models
        from tasks.ops.model_report import model_report

        root = chosen_tiers(slow, fast).slow
        folders = find_models(root) if name is None else [existing_model(root, name)]
        print_models([model_report(folder) for folder in folders], root, as_json=as_json)


@models_app.command(epilog='Example: imagemill models promote superres 3 --reason "sharper faces" --slow /hdd')
def promote(
    name: Annotated[str, typer.Argument(help="Name of the model")],
    version: Annotated[int, typer.Argument(help="Number of the version to use from now on")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the decision")],
    slow: Slow = None,
    fast: Fast = None,
    as_json: Json = False,
) -> None:
    """Use a version from now on, whatever its figures: to go back to an older one, for example."""
    with reported_errors(as_json):
        from flows.roots import chosen_tiers
        from flows.training_terminal import print_promotion
        from storage.bundles import read_bundle
        from storage.models import existing_model
        from tasks.ops.promotion import promote_by_hand

        folder = existing_model(chosen_tiers(slow, fast).slow, name)
        decision = promote_by_hand(folder, read_bundle(folder, version), reason=reason)
        print_promotion(name, decision, as_json=as_json)
