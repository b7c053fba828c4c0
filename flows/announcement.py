"""One event for each published version, on which deployments that depend on the data are started."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from blake3 import blake3
from prefect.client.orchestration import get_client
from prefect.events import Event, RelatedResource, Resource
from prefect.runtime import flow_run

from flows.orchestrator import is_temporary
from storage.announcements import is_announced, note_announced
from storage.datasets import kind_of
from storage.layout import DatasetFolder
from storage.tiers import Tiers

logger = logging.getLogger(__name__)

EVENT = "imagemill.dataset.published"


def announce(tiers: Tiers, folder: DatasetFolder, number: int) -> None:
    """Tell Prefect that a version stands, unless that was done before.

    A server that ends with this command is told nothing: nobody waits there. So what was published by hand is
    announced by the next run that reports to a lasting one, and a run that was killed before it could, by the next.
    """
    if is_temporary() or is_announced(folder, number):
        return
    event = published_event(tiers, folder, number)
    with get_client(sync_client=True) as client:
        # Not by emit_event, which sends in the background: the note must not be written before the event is there.
        client.request("POST", "/events", json=[event.model_dump(mode="json")])
    note_announced(folder, number, str(event.id))
    logger.info("version %d of %s is announced", number, folder.name)


def published_event(tiers: Tiers, folder: DatasetFolder, number: int) -> Event:
    """Return the event of a version; sent again, it has the identifier that it had."""
    return Event(
        id=_identifier(folder.version(number)),
        event=EVENT,
        resource=Resource(
            {
                "prefect.resource.id": f"imagemill.dataset.{folder.name}",
                "prefect.resource.name": folder.name,
                "imagemill.dataset": folder.name,
                "imagemill.kind": kind_of(folder),
                # Inside a larger run, that run goes on with the version itself.
                "imagemill.part-of-a-run": "yes" if flow_run.parent_flow_run_id else "no",
            }
        ),
        related=_this_run(),
        payload=_payload(tiers, folder, number),
    )


def _identifier(record: Path) -> UUID:
    """Return the same for the same record of a version.

    A run that died between the event and its note sends it twice; Prefect acts on an identifier once.
    """
    return uuid5(NAMESPACE_URL, f"{record.absolute().as_uri()}#{blake3(record.read_bytes()).hexdigest()}")


def _this_run() -> list[RelatedResource]:
    run = flow_run.id
    labels = {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}
    return [RelatedResource(labels)] if run else []


def _payload(tiers: Tiers, folder: DatasetFolder, number: int) -> dict[str, Any]:
    """Return the parameter `images` of `retrain`."""
    return {
        "dataset": folder.name,
        "version": number,
        "slow": str(tiers.slow.absolute()),
        "fast": str(tiers.fast.absolute()),
        "fast_budget": tiers.fast_budget,
    }
