"""What the tests of pages share: a browser for each process that tests, and pages that are watched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.chromium import WITHOUT, Chromium, chromium_path, started_chromium
from tests.browser.complaints import Complaints
from tests.browser.pages import NewPage


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
