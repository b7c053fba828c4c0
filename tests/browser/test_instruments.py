"""The instruments that pages are tested with find what they are there to find, and nothing on a sound page."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.accessibility import axe_violations
from tests.browser.chromium import Chromium
from tests.browser.complaints import Complaints
from tests.browser.pages import Device, NewPage, Scheme
from tests.browser.small_site import POLICY, document, small_site

REPOSITORY = Path(__file__).parents[2]
TESTS = """
from tests.browser.small_site import document, small_site

PAGE = {"/": document("<script>console.error('it hurts')</script>")}

def test_left(new_page):
    with small_site(PAGE) as site:
        new_page(site).goto("/")

def test_taken(new_page, complaints):
    with small_site(PAGE) as site:
        new_page(site).goto("/")
        assert complaints.take("it hurts") == ["console error: it hurts"]
"""


def complained(browser: Browser, body: str, *, policy: str | None = None, path: str = "/") -> list[str]:
    """Return what a page of this body complains of, the server's address left out."""
    watched = Complaints()
    pages = NewPage(browser, watched)
    with small_site({"/": document(body)}, policy=policy) as site:
        pages(site).goto(path)
        pages.close()
        return [line.replace(site, "") for line in watched.lines]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<script>console.error('it hurts')</script>", "console error: it hurts"),
        ("<script>console.warn('it might hurt')</script>", "console warning: it might hurt"),
        ("<script>null.name</script>", "page error: Cannot read properties of null"),
        ("<script>Promise.reject(new Error('not kept'))</script>", "page error: not kept"),
        ('<img alt="far" src="http://example.org/a.png">', "foreign: http://example.org/a.png"),
        ('<img alt="far" src="http://127.0.0.1:1/a.png">', "foreign: http://127.0.0.1:1/a.png"),
        ('<img alt="far" src="http://127.0.0.1:1/a.png">', "failed: GET http://127.0.0.1:1/a.png"),
        ("<script>fetch('http://192.0.2.1/beacon').catch(() => 0)</script>", "foreign: http://192.0.2.1/beacon"),
        ("<script>navigator.sendBeacon('http://example.org/b')</script>", "foreign: http://example.org/b"),
        ('<img alt="gone" src="/gone.png">', "answer 404: /gone.png"),
    ],
)
def test_what_a_page_does_wrong_is_written_down(new_page: NewPage, body: str, said: str):
    lines = complained(new_page.browser, body)
    assert any(line.startswith(said) for line in lines), lines


def test_a_page_that_its_policy_forbids_something_says_so(new_page: NewPage):
    lines = complained(
        new_page.browser, "<script>document.title = 'mine'</script><p style='color: red'>no</p>", policy=POLICY
    )
    assert [line for line in lines if "script-src" in line], lines
    assert [line for line in lines if "style-src" in line], lines


def test_a_page_that_is_not_there_is_told_with_its_address(new_page: NewPage):
    assert "answer 404: /nowhere" in complained(new_page.browser, "", path="/nowhere")


def test_a_sound_page_has_nothing_to_complain_of_and_breaks_no_rule(new_page: NewPage):
    body = '<p>All is well.</p><img alt="dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">'
    with small_site({"/": document(body)}) as site:
        page = new_page(site)
        page.goto("/")
        assert axe_violations(page) == []


def told_by_pytest(folder: Path, **environment: str) -> str:
    """Return what pytest says of two tests of a page that complains, the second of which expects it."""
    (folder / "test_page.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "-p", "tests.browser.conftest"]
    run = subprocess.run(
        [*command, str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTEST_ADDOPTS": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout


@pytest.mark.slow
def test_complaints_left_at_the_end_fail_a_test_and_those_it_takes_do_not(new_page: NewPage, tmp_path: Path):
    told = told_by_pytest(tmp_path)
    assert "2 passed, 1 error" in told
    assert "ERROR at teardown of test_left" in told
    assert "['console error: it hurts']" in told


@pytest.mark.slow
def test_without_a_browser_tests_of_pages_are_skipped_and_say_what_to_install(tmp_path: Path):
    told = told_by_pytest(tmp_path, PATH=str(tmp_path))
    assert "2 skipped" in told
    assert "a browser is needed: apt-get install chromium" in told


@pytest.mark.parametrize("policy", [None, POLICY])
def test_broken_rules_are_found_whatever_the_policy_forbids(new_page: NewPage, policy: str | None):
    body = '<p style="color: #bbb">pale</p>' if policy is None else '<p><font color="#bbbbbb">pale</font></p>'
    body += '<img src="data:,"><input><h4>deep</h4><a href="/"></a>'
    with small_site({"/": document(body)}, policy=policy) as site:
        page = new_page(site)
        page.goto("/")
        lines = axe_violations(page)
    rules = {line.split(" ")[0] for line in lines}
    assert {"color-contrast", "image-alt", "label", "heading-order", "link-name"} <= rules, lines
    contrast = next(line for line in lines if line.startswith("color-contrast"))
    assert contrast.startswith("color-contrast (serious): ")
    assert contrast.endswith(": Elements must meet minimum color contrast ratio thresholds")
    new_page.complaints.lines.clear()


@pytest.mark.parametrize(("device", "width", "scale"), [("desktop", 1280, 1), ("phone", 390, 2)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_shown_on_the_device_and_in_the_light_asked_for(
    new_page: NewPage, device: Device, width: int, scale: int, scheme: Scheme
):
    narrow = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    with small_site({"/": document("<p>All is well.</p>", head=narrow)}) as site:
        page = new_page(site, device=device, scheme=scheme)
        page.goto("/")
        shown = page.evaluate(
            "() => [innerWidth, devicePixelRatio, matchMedia('(prefers-color-scheme: dark)').matches,"
            " matchMedia('(prefers-reduced-motion: reduce)').matches]"
        )
    assert shown == [width, scale, scheme == "dark", True]


def test_without_javascript_none_runs(new_page: NewPage):
    with small_site({"/": document("<script>document.title = 'ran'</script>")}) as site:
        page = new_page(site, javascript="off")
        page.goto("/")
        assert page.title() == "A page"


def test_other_tests_of_the_process_find_no_running_loop(chromium: Chromium):
    async def number() -> int:
        return 7

    assert asyncio.run(number()) == 7
    with chromium.awake() as browser:
        assert browser.is_connected()
    assert asyncio.run(number()) == 7
