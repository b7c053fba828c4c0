"""Models registered for the tests of them: their weights are a few bytes that tell which they are."""

from __future__ import annotations

from pathlib import Path

from storage.bundles import Bundle
from storage.datasets import create_dataset
from storage.layout import DatasetFolder
from storage.lineage import Code, Lineage, Metric, Origin
from storage.models import MODELS, PREFIX
from storage.promotions import Promotion, next_promotion, record_promotion
from storage.registration import register
from storage.run_directory import RunDirectory
from storage.scratch import scratch_folder

METRIC = Metric("accuracy", "higher")


def finished_run(
    path: Path, *, weights: bytes, value: float = 0.5, request: str = "1" * 64, recipe: str = "digits"
) -> RunDirectory:
    """Return the directory of a run as the training process leaves it."""
    run = RunDirectory(path)
    path.mkdir(parents=True)
    run.weights.write_bytes(weights)
    run.config.write_text('recipe = "digits"\n')
    run.write_lineage(
        Lineage(
            recipe=recipe,
            request=request,
            metric=METRIC,
            origins=(Origin("rows", "digits", 3, "2" * 64),),
            code=(Code("0.1.0", "3" * 40, True, "4" * 64),),
            libraries=(("torch", "2.13.0"),),
            seed=0,
            processes=1,
            device="cpu",
        )
    )
    held_out = {"metrics": {"accuracy": value}, "groups": {}}
    run.write_result({"state": "done", "steps": 9, "metrics": {}, "held_out": held_out, "seconds": 1.5})
    run.append_metrics({"kind": "train", "step": 9, "steps": 9, "losses": {"loss": 1.0}})
    return run


def new_model(root: Path, name: str = "digits") -> DatasetFolder:
    return create_dataset(root, PREFIX + name, kind=MODELS)


def registered(
    folder: DatasetFolder, weights: bytes = b"weights", *, value: float = 0.5, request: str = "1" * 64
) -> Bundle:
    """Return the version that a run of these weights became."""
    with scratch_folder(folder) as scratch:
        run = finished_run(scratch / "run", weights=weights, value=value, request=request)
        made_of = (("run", f"run-of-{weights.decode()}"),)
        return register(folder, run, request=request, made_of=made_of, card="# {}\n".format, scratch=scratch)


def promotion(
    folder: DatasetFolder, version: Bundle, *, is_granted: bool = True, number: int | None = None
) -> Promotion:
    return Promotion(
        number=number or next_promotion(folder),
        version=version.number,
        identity=version.identity,
        is_granted=is_granted,
        metric="accuracy",
        value=0.5,
        compared_with=None,
        compared_value=None,
        by="training",
        reason="the first",
        created="2026-11-21T00:00:00+00:00",
    )


def promoted(folder: DatasetFolder, version: Bundle) -> Promotion:
    decided = promotion(folder, version)
    record_promotion(folder, decided)
    return decided
