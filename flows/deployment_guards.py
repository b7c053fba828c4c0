"""The watch over deployed runs: those that died without a word give their slot back, and crashed retraining goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

TAG = "imagemill"
"""Of every run that the watch sees: the deployments of prefect.yaml have it, and so do the runs that those start."""
HEARTBEAT_SECONDS = 30
"""As prefect.yaml tells the processes of runs, and the least that Prefect allows."""
SILENT_SECONDS = 5 * HEARTBEAT_SECONDS
"""With half a heartbeat, as Prefect's documentation has it, healthy runs are taken for dead."""
RETRAINING = "retraining"
"""Of the runs that an event started: no second event would start them again."""
AGAIN_SECONDS = 3600
"""What crashes whenever it is started is started once an hour."""
PAUSE_SECONDS = 30
"""Until the next run: what the crashed one had started has ended by then, and written its checkpoint."""
SILENT, AGAIN = "imagemill: runs that fell silent have crashed", "imagemill: retraining that crashed goes on"


def silent_runs_crash() -> AutomationCore:
    """Return the automation that gives a run which began and then said nothing for so long the state Crashed."""
    return AutomationCore(
        name=SILENT,
        description=f"A run of Imagemill says that it lives every {HEARTBEAT_SECONDS} s. After {SILENT_SECONDS} s of "
        "silence its process is gone, and its slot is given to the next.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"},
            after={"prefect.flow-run.Pending", "prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            # Anything that a run says shows that it lives, its end as well.
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENT_SECONDS),
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                message=f"It said nothing for {SILENT_SECONDS} s: its process is gone.",
                force=False,
            )
        ],
    )


def crashed_retraining_goes_on() -> AutomationCore:
    """Return the automation that starts a crashed retraining again: it goes on from the checkpoint that was kept."""
    return AutomationCore(
        name=AGAIN,
        description="A retraining whose process, worker or machine died is started again, at most once an hour.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{RETRAINING}"},
            expect={"prefect.flow-run.Crashed"},
            for_each={"related:deployment:prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(seconds=AGAIN_SECONDS),
        ),
        # A new run: the old one may yet be reported as crashed a second time, by its worker.
        actions=[
            RunDeployment(
                source="inferred",
                deployment_id=None,
                parameters={name: _of_the_crashed(name) for name in ("images", "job")},
                job_variables=None,
                schedule_after=timedelta(seconds=PAUSE_SECONDS),
            )
        ],
    )


def _of_the_crashed(parameter: str) -> dict[str, Any]:
    """Return the template for a parameter of the run that crashed."""
    template = f"{{{{ flow_run.parameters.{parameter} | tojson }}}}"
    return {"__prefect_kind": "json", "value": {"__prefect_kind": "jinja", "template": template}}


def set_automation(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Have exactly one automation of that name, as it is given."""
    first, *others = client.read_automations_by_name(automation.name) or [None]
    if first is None:
        client.create_automation(automation)
    # Not updated to what it is: with that Prefect forgets which runs it waits for, and their slots are lost.
    elif _content(first) != _content(automation):
        client.update_automation(first.id, automation)
    for other in others:
        if other is not None:
            client.delete_automation(other.id)


def _content(automation: AutomationCore) -> dict[str, Any]:
    """Return what was decided of an automation, without what the server adds."""
    trigger = automation.trigger.model_dump(exclude={"id"}, exclude_none=True)
    actions = [action.model_dump(exclude_none=True) for action in automation.actions]
    return {"trigger": trigger, "actions": actions, "description": automation.description, "on": automation.enabled}
