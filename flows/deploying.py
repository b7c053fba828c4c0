"""Puts the deployments of prefect.yaml on a Prefect server, with all that they need there; as often as you like."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from flows.deploy_order import DeployOrder
from flows.deployment_guards import crashed_retraining_goes_on, set_automation, silent_runs_crash
from flows.orchestrator import DeployFailed
from flows.part_steps import PARTS

PREFECT_FILE = Path(__file__).parents[1] / "prefect.yaml"
POOLS = {"cpu": ("What needs no GPU: images, pairs, words, checks", 2), "gpu": ("Training, a run for each GPU", 1)}
"""Work pools, each with a description and how many of its runs are at work at a time, unless somebody changed it."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment as it stands on the server."""

    name: str
    pool: str
    schedules: tuple[str, ...]
    is_scheduled: bool
    has_job: bool


def deploy(order: DeployOrder) -> list[Deployed]:
    """Make pools, variables, deployments and the watch over silent runs, or bring those that are there up to date.

    Raises:
        DeployFailed: Prefect refused.
        ValueError: schedules are to be on, and nobody ever said of what images.
    """
    with get_client(sync_client=True) as client:
        for name, (description, limit) in POOLS.items():
            _set_pool(client, name, description, order.gpus if name == "gpu" else None, first_limit=limit)
        _set_variables(client, order)
        _deploy_file()
        for automation in (silent_runs_crash(), crashed_retraining_goes_on()):
            set_automation(client, automation)
        return _deployed(client)


def _set_pool(client: SyncPrefectClient, name: str, description: str, limit: int | None, *, first_limit: int) -> None:
    try:
        found = client.read_work_pool(name)
    except ObjectNotFound:
        wanted = WorkPoolCreate(
            name=name, type="process", description=description, concurrency_limit=limit or first_limit
        )
        client.create_work_pool(wanted)
        return
    if found.type != "process":
        raise DeployFailed(f"the work pool {name} is there, of type {found.type}; Imagemill's is of type process")
    if limit is not None and limit != found.concurrency_limit:
        client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=limit))


def _set_variables(client: SyncPrefectClient, order: DeployOrder) -> None:
    """Set what was told, and what prefect.yaml reads and nobody told yet."""
    known = {variable.name: variable.value for variable in client.read_variables(limit=200)}
    defaults: dict[str, Any] = {name: {} for name in variables_read()}
    defaults |= {"imagemill_schedules": False, "imagemill_dataset": "*"}
    defaults |= {f"imagemill_retrain_{part}": {"part": part} for part in PARTS}
    wanted = defaults | known | order.variables
    if wanted["imagemill_schedules"] and not wanted["imagemill_prepare_images"]:
        raise ValueError("schedules of what? Give --source FOLDER and --slow DIR as well: nobody has told yet")
    for name, value in wanted.items():
        if name not in known:
            client.create_variable(VariableCreate(name=name, value=value, tags=["imagemill"]))
        elif known[name] != value:
            client.update_variable(VariableUpdate(name=name, value=value, tags=["imagemill"]))


def deployment_names() -> list[str]:
    """Return the names of the deployments in prefect.yaml."""
    return [each["name"] for each in yaml.safe_load(PREFECT_FILE.read_text(encoding="utf-8"))["deployments"]]


def variables_read() -> list[str]:
    """Return the names of the variables that hold the jobs of deployments."""
    return [f"imagemill_{name.replace('-', '_')}" for name in deployment_names()]


def _deploy_file() -> None:
    """Have Prefect read prefect.yaml."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
    done = subprocess.run(
        command, cwd=PREFECT_FILE.parent, capture_output=True, text=True, env=_environment(), check=False
    )
    if done.returncode != 0:
        told = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise DeployFailed(f"Prefect did not take {PREFECT_FILE}: {' '.join(line.strip() for line in told[-5:])}")


def _environment() -> dict[str, str]:
    own = get_current_settings().to_environment_variables(exclude_unset=True, include_secrets=True)
    # As wide as its longest line: what it says may have to be told in one.
    return {**os.environ, **own, "COLUMNS": "1000"}


def _deployed(client: SyncPrefectClient) -> list[Deployed]:
    found = {deployment.name: deployment for deployment in client.read_deployments(limit=200)}
    return [
        Deployed(
            name=name,
            pool=found[name].work_pool_name or "",
            schedules=tuple(str(getattr(each.schedule, "cron", each.schedule)) for each in found[name].schedules),
            is_scheduled=any(each.active for each in found[name].schedules),
            has_job=bool(found[name].parameters.get("job")),
        )
        for name in deployment_names()
        if name in found
    ]
