"""What Prefect knows is shown as it says; when it is silent, or is not Prefect, that is told, and the last is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed, Running

from dashboard.prefect_reader import NOT_CONFIGURED, PrefectAnswer, PrefectReader, RunLine, pages_of
from dashboard.snapshots import Fresh
from tests.dashboard.asking import Markup
from tests.dashboard.conftest import visitor_of
from tests.dashboard.small_roots import MARKUP, Roots
from tests.faults.hostile_servers import answering, api_at, closed


def asked(port: int) -> PrefectAnswer:
    with temporary_settings({PREFECT_API_URL: api_at(port)}):
        return PrefectReader().ask()


def test_without_a_server_it_is_told_how_to_name_one():
    answer = PrefectReader().ask()
    assert (answer.last, answer.problem) == (None, NOT_CONFIGURED)


def test_where_nothing_listens_that_is_told():
    with closed() as port:
        answer = asked(port)
    assert answer.last is None
    assert f"does not answer at http://127.0.0.1:{port}/api: " in answer.problem
    assert "refused" in answer.problem


def test_an_address_that_is_none_is_told():
    with temporary_settings({PREFECT_API_URL: "http://localhost:abc/api"}):
        assert "does not answer at http://localhost:abc/api: " in PrefectReader().ask().problem


def test_a_run_is_overcome_by_one_of_the_same_flow_on_the_same_subject():
    bad = run_line("a", "failed", hour=1, subject=("dataset=a",))
    others = [run_line("b", "completed", hour=2, subject=("dataset=b",)), run_line("a", "failed", hour=3)]
    assert not bad.is_overcome([bad, *others, run_line("a", "completed", hour=0, subject=("dataset=a",))])
    assert bad.is_overcome([bad, *others, run_line("a", "completed", hour=2, subject=("dataset=a",))])


def run_line(name: str, kind: str, *, hour: int, subject: tuple[str, ...] = ()) -> RunLine:
    at = datetime(2026, 11, 22, hour, tzinfo=UTC)
    return RunLine(name, "prepare", kind.title(), kind, "", at, at, timedelta(seconds=1), "http://a", subject)


@pytest.mark.parametrize("content", [b"<html>another site</html>", b"", b"{}", b"[1]", b"null"])
def test_a_server_that_is_not_prefect_is_told(content: bytes):
    with answering(200, content) as port:
        answer = asked(port)
        assert f"answers at http://127.0.0.1:{port}/api is not Prefect" in answer.problem


@pytest.mark.parametrize("status", [302, 401, 404, 500])
def test_a_server_that_refuses_is_told_with_what_it_said(status: int):
    with answering(status, b"no") as port:
        answer = asked(port)
    assert str(status) in answer.problem
    assert "\n" not in answer.problem


def test_the_first_page_is_shown_whatever_stands_for_prefect(kept_roots: Roots):
    with (
        answering(200, b"<html>") as port,
        temporary_settings({PREFECT_API_URL: api_at(port)}),
        visitor_of(kept_roots) as visitor,
    ):
        answer = visitor.get("/")
    assert answer.status == 200
    assert "is not Prefect" in Markup(answer.text).text
    assert "torn 6 of 13 images" in Markup(answer.text).text


@pytest.mark.parametrize("api", ["http://a:1/api", "http://a:1/api/", "http://a:1"])
def test_the_pages_of_prefect_are_beside_its_api(api: str):
    assert pages_of(api) == "http://a:1"


@flow(name="counts images")
def counting() -> None:
    """Nothing runs it: its runs are told of."""


@pytest.fixture
def told(prefect_api: str) -> None:
    """A run of `counting` of each state, a progress of the one that runs, and a deployment with a schedule."""
    with temporary_settings({PREFECT_API_URL: prefect_api}), get_client(sync_client=True) as client:
        for name, state in (("good", Completed()), ("bad", Failed(message=f"\n{MARKUP}\nthe second line"))):
            run = client.create_flow_run(counting, name=name)
            client.set_flow_run_state(run.id, Running(), force=True)
            client.set_flow_run_state(run.id, state, force=True)
        run = client.create_flow_run(counting, name="busy")
        client.set_flow_run_state(run.id, Running(), force=True)
        client.create_artifact(ArtifactCreate(type="progress", key="images", data=42.0, flow_run_id=run.id))
        schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *", timezone="UTC"))
        client.create_deployment(run.flow_id, name="nightly", schedules=[schedule])


def test_runs_and_schedules_are_shown_and_kept_when_the_server_goes_away(
    prefect_api: str, told: None, kept_roots: Roots
):
    reader = PrefectReader()
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        answer = reader.ask()
        with visitor_of(kept_roots) as visitor:
            page = Markup(visitor.get("/").text)
    assert answer.problem == ""
    assert answer.last is not None
    state = answer.last.value
    mine = {line.name: line for line in (*state.at_work, *state.recent) if line.flow == "counts images"}
    assert {name: line.kind for name, line in mine.items()} == {"good": "completed", "bad": "failed", "busy": "running"}
    assert (mine["bad"].reason, mine["bad"].is_bad, mine["good"].is_bad) == (MARKUP, True, False)
    assert mine["bad"].is_bad
    assert not mine["bad"].is_overcome(state.recent)
    assert mine["good"].ended is not None
    assert (mine["busy"].ended, mine["busy"].share) == (None, 0.42)
    assert "42.0 %" in page.text
    (line,) = (line for line in state.flows if line.name == "counts images")
    assert (line.schedules, line.deployments) == (("nightly: 0 3 * * *",), 1)
    assert line.last in (mine["good"], mine["bad"])
    assert f"{MARKUP}" in page.text
    assert "the second line" not in page.text
    assert "nightly: 0 3 * * *" in page.text
    assert mine["good"].page.startswith(prefect_api.removesuffix("/api") + "/runs/flow-run/")
    with closed() as port, temporary_settings({PREFECT_API_URL: api_at(port)}):
        later = reader.ask()
    assert later.last == Fresh(state, answer.last.read_at)
    assert answer.last.read_at < datetime.now(UTC)
    assert "does not answer" in later.problem
