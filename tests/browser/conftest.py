"""What the tests of pages share: a browser for each process that tests, and pages that are watched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from storage.tiers import Tiers
from tests.browser.chromium import WITHOUT, Chromium, chromium_path, started_chromium
from tests.browser.complaints import Complaints
from tests.browser.dashboards import dashboard_command, dashboard_here
from tests.browser.pages import NewPage
from tests.browser.premises import Premises, premises
from tests.browser.small_roots import made_small_roots
from tests.faults.hostile_servers import own_server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A browser, started by the first test that wants a page; starting takes a second."""
    path = chromium_path()
    if path is None:
        pytest.skip(WITHOUT)
    with started_chromium(path) as chromium:
        yield chromium


@pytest.fixture
def complaints() -> Complaints:
    """What the pages of this test had to complain of so far; what a test expects, it takes out."""
    return Complaints()


@pytest.fixture
def new_page(chromium: Chromium, complaints: Complaints) -> Iterator[NewPage]:
    """Open watched pages: `new_page(server, device="phone", scheme="dark")`; none may complain of anything."""
    with chromium.awake() as browser:
        pages = NewPage(browser, complaints)
        yield pages
        pages.close()
    assert complaints.lines == []


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Premises:
    """Datasets, word maps, models and runs on a slow and a fast root, this process's own copy. Do not change it."""
    return premises().copied(tmp_path_factory.mktemp("premises") / "premises")


@pytest.fixture(scope="session")
def prefect_with_runs(published: Premises, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server that knows the runs by which `published` was made, deployments and hostile runs; its address.

    This process does not ask it by itself: `told_of_runs` sees to that.
    """
    home = tmp_path_factory.mktemp("prefect-with-runs")
    shutil.copyfile(published.database, home / "prefect.db")
    with own_server(home, is_ours=True) as server:
        yield server.api


@pytest.fixture
def told_of_runs(prefect_with_runs: str) -> Iterator[str]:
    """The server with runs is the one that this process asks, for the length of a test; its address."""
    with temporary_settings({PREFECT_API_URL: prefect_with_runs}):
        yield prefect_with_runs


@pytest.fixture(scope="session")
def small_roots(tmp_path_factory: pytest.TempPathFactory) -> Tiers:
    """What `made_small_roots` publishes, in two seconds. Do not change it."""
    return made_small_roots(tmp_path_factory.mktemp("small-roots"))


@pytest.fixture(scope="session")
def small_dashboard(small_roots: Tiers) -> Iterator[str]:
    """The address of a dashboard over the small roots; no Prefect is configured."""
    with temporary_settings(restore_defaults={PREFECT_API_URL}), dashboard_here(small_roots) as url:
        yield url


@pytest.fixture(scope="session")
def big_dashboard(
    published: Premises, prefect_with_runs: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of `imagemill dashboard` over the premises, with Prefect's server and models that answer."""
    home = tmp_path_factory.mktemp("dashboard")
    with dashboard_command(published.tiers, home, api=prefect_with_runs) as dashboard:
        yield dashboard.url
