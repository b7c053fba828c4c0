"""The command `features`: a vector for each row of a dataset, by a model or a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.command_options import Fast, FastBudget, Json, Slow, reported_errors


def add_feature_commands(app: typer.Typer) -> None:
    """Put the command of this module on the command line."""
    app.command(
        epilog="Examples: imagemill features demo --model backbone@current --slow /hdd --fast /ssd; "
        "imagemill features imagenet --network resnet50 --weights resnet50-11ad3fa6.pth --size 224",
    )(features)


def features(
    dataset: Annotated[str, typer.Argument(help="Prepared dataset whose rows get a vector each")],
    model: Annotated[str | None, typer.Option(help="Registered model: name, name@current or name@VERSION")] = None,
    network: Annotated[str | None, typer.Option(help="Instead of a model: resnet18, resnet34, resnet50")] = None,
    weights: Annotated[Path | None, typer.Option(help="File of torchvision's weights for the network")] = None,
    size: Annotated[int | None, typer.Option(help="Side in pixels of the rows that the network sees")] = None,
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    name: Annotated[str | None, typer.Option(help="Name of the features [features-DATASET-MODEL]")] = None,
    number: Annotated[int | None, typer.Option("--version", help="Version of the dataset; the current one")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, bf16 or fp16")] = "float32",
    batch_size: Annotated[int, typer.Option(help="Rows at a time")] = 64,
    cpu_threads: Annotated[int | None, typer.Option(help="Threads of torch; all cores by default")] = None,
    as_json: Json = False,
) -> None:
    """Compute a vector for each row of a dataset, and publish them."""
    with reported_errors(as_json):
        from flows.extract_features import extract_features
        from flows.feature_job import FeatureJob
        from flows.feature_terminal import print_features
        from flows.orchestrator import prefect_server
        from flows.roots import chosen_tiers

        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        job = FeatureJob.model_validate(
            {
                "dataset": dataset,
                "slow": tiers.slow,
                "fast": tiers.fast,
                "fast_budget": tiers.fast_budget,
                "number": number,
                "model": model,
                "network": network,
                "weights": weights.absolute() if weights else None,
                "size": size,
                "name": name,
                "device": device,
                "precision": precision,
                "batch_size": batch_size,
                "cpu_threads": cpu_threads,
            }
        )
        with prefect_server():
            outcome = extract_features(job)
        print_features(outcome, as_json=as_json)
