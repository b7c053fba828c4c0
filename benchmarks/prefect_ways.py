"""Runs `imagemill prepare` with or without Prefect: `python -m benchmarks.prefect_ways with|without RESULT OPTION…`.

Without it, every flow and task becomes the function that it was made of, artifacts are not made, and no server is
started or asked. What is left is the same code, to the line, so whatever it costs less is Prefect's share. RESULT gets
the CPU seconds of this process and of Prefect's server from the moment that the flow begins until it has ended.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import psutil
from prefect import Flow, Task

import flows.orchestrator
import flows.prepare_images as flow_module
from benchmarks.process_costs import is_server
from flows.image_job import ImageJob
from flows.prepare_images import Outcome

OURS = ("flows", "tasks")
SETTLE_SECONDS = 3.0
"""The server goes on with what a flow told it: so long it is watched beyond the flow's end, with few images as with
many."""


def main() -> None:
    way, result, *options = sys.argv[1:]
    if way == "without":
        replaced = sum(take_prefect_out(module) for name, module in list(sys.modules.items()) if name.startswith(OURS))
        assert replaced, "no flow, no task and no artifact was found: this would measure Prefect itself"
        flows.orchestrator.prefect_server = nullcontext
    flow_module.prepare_images = noted(flow_module.prepare_images, Path(result))
    sys.argv = ["imagemill", "prepare", *options]
    from flows.command_line import main as run

    run()


def take_prefect_out(module: ModuleType) -> int:
    """Replace the flows, tasks and artifacts that `module` knows; return how many there were."""
    found = {
        name: value.fn if isinstance(value, Flow | Task) else _no_artifact
        for name, value in vars(module).items()
        if isinstance(value, Flow | Task) or getattr(value, "__module__", "") == "prefect.artifacts"
    }
    vars(module).update(found)
    return len(found)


def noted(prepare: Callable[[ImageJob], Outcome], result: Path) -> Callable[[ImageJob], Outcome]:
    """Return a function that does what `prepare` does, and writes down what this process and the server spent on it."""

    def run(job: ImageJob) -> Outcome:
        before = _spent()
        outcome = prepare(job)
        time.sleep(SETTLE_SECONDS)
        spent = {name: after - before[name] for name, after in _spent().items()}
        result.write_text(json.dumps(spent))
        return outcome

    return run


def _spent() -> dict[str, float]:
    servers = [child.cpu_times() for child in psutil.Process().children() if is_server(child.pid)]
    return {"process": time.process_time(), "server": sum(times.user + times.system for times in servers)}


def _no_artifact(*values: object, **named: object) -> None:
    return None


if __name__ == "__main__":
    main()
