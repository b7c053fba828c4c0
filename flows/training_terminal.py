"""Prints trained models and decisions on them, for a person or, as JSON, for a machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from flows.lines import as_text, say
from storage.promotions import Promotion
from tasks.ops.model_card import figure_text
from tasks.ops.model_report import Model, ModelVersion, promotion_text

if TYPE_CHECKING:
    # It imports Prefect, which takes a second, and listing models needs none of it.
    from flows.train_model import TrainOutcome

SHOWN_METRICS = 6


SHOWN_FIGURES = 12


def print_trained(outcome: TrainOutcome, *, as_json: bool) -> None:
    """Tell which version the model is, its figures on held-out rows, and whether it is used."""
    version, held_out = outcome.version, outcome.result.held_out
    if as_json:
        facts = {
            "status": outcome.status,
            "model": outcome.model,
            "version": version.number,
            "identity": version.identity,
            "promoted": outcome.decision.is_granted,
            "decision": outcome.decision,
            "held_out": held_out,
            "steps": outcome.result.steps,
            "run": outcome.run,
            "card": outcome.card,
        }
        typer.echo(as_text(facts))
        return
    if outcome.status == "unchanged":
        say(f"{outcome.model}: nothing to do, version {version.number} is what these settings and rows make")
        say("  (--new-run trains anew)")
    else:
        say(f"{outcome.model}: registered version {version.number} after {outcome.result.steps:,} steps")
    metrics = held_out.metrics if held_out else {}
    for name, value in list(metrics.items())[:SHOWN_FIGURES]:
        say(f"  {name:<24} {figure_text(value)}" + "  (decides)" * (name == outcome.decision.metric))
    if len(metrics) > SHOWN_FIGURES:
        say(f"  and {len(metrics) - SHOWN_FIGURES} more figures on the card")
    say(f"  {promotion_text(outcome.decision)}")
    if outcome.run:
        say(f"  run   {outcome.run}")
    say(f"  card  {outcome.card}")


def print_models(models: list[Model], root: Path, *, as_json: bool) -> None:
    """List models with their versions."""
    if as_json:
        typer.echo(as_text({"root": root, "models": models}))
        return
    if not models:
        say(f"no model below {root}; to make one: imagemill train")
    for model in models:
        used = "none is promoted" if model.promoted is None else f"version {model.promoted} is used"
        say(f"{model.name}: {used}, {len(model.versions)} registered")
        for version in model.versions:
            _print_version(version)


def print_promotion(name: str, decision: Promotion, *, as_json: bool) -> None:
    """Tell what is used from now on."""
    if as_json:
        typer.echo(as_text({"model": name, "decision": decision}))
        return
    say(f"{name}: {promotion_text(decision)}")
    if decision.compared_with not in (None, decision.version):
        say(f"  before that, version {decision.compared_with} was used")


def _print_version(version: ModelVersion) -> None:
    mark = "→" if version.is_promoted else " "
    metrics = dict(sorted(version.metrics.items(), key=lambda each: each[0] != version.metric))
    shown = ", ".join(f"{name} {figure_text(value)}" for name, value in list(metrics.items())[:SHOWN_METRICS])
    say(f"  {mark} {version.number:>4}  {version.created}  {version.bytes / 1e6:,.1f} MB  {shown or 'no figures'}")
    decision = version.decision
    if decision is None:
        say("         not decided yet: run the same train command again")
    else:
        verdict = f"promoted {decision.created[:10]}" if decision.is_granted else "not promoted"
        say(f"         {verdict}: {decision.reason}")
