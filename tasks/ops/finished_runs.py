"""What the training process left of a run that got to its end, and what of it people want to know."""

from __future__ import annotations

from dataclasses import dataclass

from storage.bundles import Facts
from storage.json_text import decoded
from storage.lineage import Code, Lineage, Origin
from storage.models import ModelResult
from storage.run_directory import RunDirectory
from tasks.ops.training_process import TrainingFailed


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The directory of a run, and what its files say; `config` is TOML."""

    directory: RunDirectory
    lineage: Lineage
    result: ModelResult
    config: str


def finished_run(run: RunDirectory) -> FinishedRun:
    """Return what the training process left of a run.

    Raises:
        TrainingFailed: there is no model, though it got to its end: a search for a learning rate leaves none.
    """
    lineage, result = run.read_lineage(), run.read_result()
    if lineage is None or result is None or not run.weights.exists():
        reason = (result or {}).get("reason") or "its directory is not complete"
        text = f"the run ended without a model, and nothing was registered: {reason}. See {run.log}"
        raise TrainingFailed(text, exit_code=1)
    return FinishedRun(run, lineage, decoded(run.result.read_bytes(), ModelResult), run.config.read_text())


def model_facts(run: FinishedRun) -> Facts:
    """Return what a model is made of, for people."""
    lineage = run.lineage
    return (
        ("recipe", lineage.recipe),
        *((origin.role, _origin_text(origin)) for origin in lineage.origins),
        ("seed", str(lineage.seed)),
        *(("code", _code_text(code)) for code in lineage.code),
        ("libraries", ", ".join(f"{name} {number}" for name, number in lineage.libraries)),
        ("trained on", f"{lineage.device}, {lineage.processes} process{'es' * (lineage.processes > 1)}"),
        ("steps", f"{run.result.steps:,} in {_time_text(run.result.seconds)} since it was last started"),
        ("run", run.directory.path.name),
    )


def _origin_text(origin: Origin) -> str:
    version = "" if origin.version is None else f", version {origin.version}"
    return f"{origin.name}{version} ({origin.digest[:16]})"


def _code_text(code: Code) -> str:
    commit = "no checkout" if code.commit is None else code.commit[:12] + ", changed" * code.is_changed
    return f"imagemill {code.package} ({commit}), recipe {code.recipe[:16]}"


def _time_text(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"
