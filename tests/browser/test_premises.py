"""The premises hold what tests of pages rely on, looked at from outside: by commands, files and Prefect's client."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from typer.testing import CliRunner

from flows.command_line import app
from storage.reading import open_version
from tests.browser.made_runs import HOSTILE_MESSAGE, HOSTILE_RUN, HOSTILE_TAG, NIGHTLY
from tests.browser.picture_tree import HOSTILE_CLASSES, HOSTILE_PICTURE, PICTURES_EACH
from tests.browser.premises import Premises
from tests.oracles.published_dataset import record_body

pytestmark = pytest.mark.slow


def told(published: Premises, *arguments: str) -> str:
    """Return what a command says, as JSON."""
    roots = ("--slow", str(published.tiers.slow), "--fast", str(published.tiers.fast))
    ended = CliRunner().invoke(app, [*arguments, "--json", *roots])
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def runs_of(published: Premises, model: str) -> list[Path]:
    return sorted((published.tiers.slow / f"model-{model}" / "runs").iterdir())


def test_pictures_have_two_versions_hostile_classes_and_refusals_and_one_size_is_staged(published: Premises):
    for number, hostile in ((1, HOSTILE_CLASSES[:2]), (2, HOSTILE_CLASSES)):
        with open_version(published.tiers, "pictures", number=number) as version:
            assert version.sides == (64, 32)
            assert len(version.classes) == 12 + len(hostile)
            report = version.version.report.name
            paths = {version.path(row) for row in range(len(version))}
        with (published.tiers.slow / "pictures" / "objects" / report).open(newline="") as file:
            reasons = sorted(line["reason"] for line in csv.DictReader(file))
        assert reasons == ["empty", "truncated", "unknown-format"]
    assert any(os.fsencode(path).endswith(HOSTILE_PICTURE) for path in published.source.rglob("*"))
    assert sum(path.startswith("n" * 255 + "/") for path in paths) == PICTURES_EACH
    slow, fast = (
        {path.name for path in (root / "pictures" / "objects").iterdir()}
        for root in (published.tiers.slow, published.tiers.fast)
    )
    assert fast
    assert fast < slow


def test_words_find_pictures(published: Premises):
    hits = json.loads(told(published, "search", "dog", "--count", "4"))["hits"]
    assert {hit["path"].partition("/")[0] for hit in hits} == {"n00000020"}


def test_of_superres_one_version_is_promoted_and_a_worse_one_refused_and_both_runs_are_there(published: Premises):
    records = sorted((published.tiers.slow / "model-superres" / "promotions").iterdir())
    decisions = [record_body(record, "promotion") for record in records]
    assert [(each["version"], each["is_granted"]) for each in decisions] == [(1, True), (2, False)]
    assert decisions[1]["value"] < decisions[1]["compared_value"]
    assert len(runs_of(published, "superres")) == 2


@pytest.mark.parametrize(("model", "samples"), [("superres", 3), ("gan-generator", 2), ("wgan", 4)])
def test_runs_have_curves_and_samples_of_several_steps(published: Premises, model: str, samples: int):
    most = max(runs_of(published, model), key=lambda run: len(list((run / "samples").iterdir())))
    assert len(list((most / "samples").glob("*.png"))) >= samples
    assert len((most / "metrics.jsonl").read_text().splitlines()) > samples


def test_one_training_failed_for_lack_of_memory(published: Premises):
    (run,) = runs_of(published, "digits")
    result = json.loads((run / "result.json").read_text())
    assert result["state"] == "failed"
    assert not any((published.tiers.slow / "model-digits" / "versions").iterdir())


def test_two_datasets_have_receipts_and_no_version(published: Premises):
    for name in ("strict", "torn"):
        folder = published.tiers.slow / name
        assert any(folder.glob("receipts/**/*.json"))
        assert any(folder.glob("plans/**/*.*"))
        assert not any((folder / "versions").iterdir())
    assert "torn" in told(published, "status")


def test_the_server_knows_runs_that_completed_failed_or_never_ended(told_of_runs: str):
    with get_client(sync_client=True) as client:
        runs: list[FlowRun] = client.read_flow_runs(limit=200)
        flows = {flow.id: flow.name for flow in client.read_flows(limit=200)}
        (hostile,) = (run for run in runs if run.name == HOSTILE_RUN)
        nightly = client.read_deployment_by_name(NIGHTLY)
    states = {(flows[run.flow_id], run.state_type.value) for run in runs if run.state_type}
    assert states >= {
        ("prepare-images", "COMPLETED"),
        ("prepare-images", "FAILED"),
        ("train-model", "COMPLETED"),
        ("train-model", "FAILED"),
        ("make-pairs", "COMPLETED"),
        ("verify-dataset", "CANCELLED"),
    }
    (killed,) = (run for run in runs if run.parameters.get("job", {}).get("dataset") == "torn")
    assert killed.state_type
    assert killed.state_type.value in ("RUNNING", "CRASHED")
    assert hostile.state
    assert (hostile.state.message, hostile.tags) == (HOSTILE_MESSAGE, [HOSTILE_TAG])
    assert [schedule.active for schedule in nightly.schedules] == [True]
    assert any(run.deployment_id == nightly.id and run.state_type == "COMPLETED" for run in runs)
    (failed,) = (run for run in runs if run.parameters.get("job", {}).get("dataset") == "strict")
    assert failed.state
    assert "refused" in (failed.state.message or "")
