"""Pages while something is at work or away: a real build, a real training, Prefect or the dashboard itself gone."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from storage.tiers import Tiers
from tasks.ops.demo_set import render_demo_set
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font
from tests.browser.accessibility import axe_violations
from tests.browser.complaints import Complaints
from tests.browser.dashboards import dashboard_command
from tests.browser.pages import NewPage
from tests.browser.premises import Premises
from tests.faults.hostile_servers import own_server, plain_environment
from tests.prefect_home import prefect_home
from tests.training.conftest import RECIPE

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 120_000
"""Milliseconds; a busy machine takes long to start a flow."""
MANY = DemoSpec(classes=100, images_per_class=30, scale="small", seed=7)
SETTINGS = ("loop.cpu_threads=1", "loop.report_steps=1")


@contextmanager
def command(home: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command of ours with a temporary Prefect server of its own; end it if it is still there."""
    environment = plain_environment(prefect_home(home)) | {"OMP_NUM_THREADS": "1"}
    with (home / "command.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.command_line", *words],
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def marked(page: Page, path: str) -> None:
    """Go to a page, and leave a mark on it that is lost if it is loaded anew."""
    page.goto(path)
    page.evaluate("window.isTheSame = true")


def is_same(page: Page) -> bool:
    return page.evaluate("window.isTheSame === true")


def test_a_build_is_followed_from_its_first_images_to_its_version_without_loading_the_page_anew(
    new_page: NewPage, tmp_path: Path
):
    source, root = tmp_path / "pictures", tmp_path / "slow"
    render_demo_set(source, MANY, font=find_emoji_font(), workers=1, on_progress=lambda written: None)
    root.mkdir()
    roots = ("--slow", str(root), "--size", "448", "--workers", "1", "--rows-per-shard", "100", "--max-refused", "0.5")
    with dashboard_command(Tiers(root, root), tmp_path / "dashboard") as dashboard:
        page = new_page(dashboard.url)
        marked(page, "/")
        images = page.locator("#at-work .number", has_text="images").locator("dd")
        with command(tmp_path / "home", "prepare", str(source / "train"), "--dataset", "many", *roots) as prepare:
            seen = {""}
            for _ in range(3):
                expect(images).to_have_text(not_yet(seen), timeout=PATIENCE)
                seen.add(images.inner_text())
            done = [int(each.split()[0].replace(",", "")) for each in sorted(seen - {""}, key=len)]
            expect(page.locator("#at-work")).to_contain_text("many")
            assert prepare.wait() == 0, (tmp_path / "home" / "command.log").read_text()
        assert len(set(done)) == 3
        expect(page.locator("#published")).to_contain_text("many version 1", timeout=PATIENCE)
        expect(page.locator("#at-work")).to_contain_text("Nothing is at work")
        assert is_same(page)
        new_page.close()


def not_yet(seen: set[str]) -> re.Pattern[str]:
    """Return a pattern of how many images are done that none of the texts match."""
    others = "|".join(re.escape(each) for each in seen if each)
    return re.compile(rf"^(?!(?:{others})$).+ of .+$" if others else r"^.+ of .+$")


def test_a_training_is_followed_on_its_page_while_what_is_open_stays_open(new_page: NewPage, tmp_path: Path):
    root = tmp_path / "slow"
    root.mkdir()
    words = ("train", RECIPE, "--name", "digits", "--slow", str(root), "--device", "cpu", *SETTINGS)
    with command(tmp_path / "home", *words) as train:
        assert train.wait() == 0, (tmp_path / "home" / "command.log").read_text()
    with (
        dashboard_command(Tiers(root, root), tmp_path / "dashboard") as dashboard,
        command(tmp_path / "home", *words, "seconds_per_step=0.5") as train,
    ):
        page = new_page(dashboard.url)
        steps = page.locator(".number", has_text="steps").locator("dd")
        for path in ("/", "/models", "/models/digits"):
            marked(page, path)
            expect(steps).to_have_text(re.compile(r"^\d+ of 29$"), timeout=PATIENCE)
        page.locator("details.markdown summary").click()
        expect(steps).not_to_have_text(steps.inner_text(), timeout=PATIENCE)
        expect(page.locator("details.markdown > div")).to_be_visible()
        assert train.wait() == 0, (tmp_path / "home" / "command.log").read_text()
        expect(page.locator("#training")).to_have_count(0, timeout=PATIENCE)
        assert is_same(page)
        page.goto("/models/digits")
        expect(page.get_by_role("table").first.locator("tbody tr")).to_have_count(2)
        new_page.close()


def test_without_prefect_a_page_says_so_and_shows_what_the_disks_know_until_it_is_back(
    new_page: NewPage, published: Premises, tmp_path: Path
):
    shutil.copyfile(published.database, tmp_path / "prefect.db")
    with (
        own_server(tmp_path, is_ours=True) as server,
        dashboard_command(published.tiers, tmp_path / "dashboard", api=server.api) as dashboard,
    ):
        page, late = new_page(dashboard.url), new_page(dashboard.url, device="phone", scheme="dark")
        marked(page, "/")
        flows, warning = page.locator("#flows"), page.get_by_role("alert")
        expect(flows).to_contain_text("verify-dataset")
        expect(warning).to_have_count(0)
        server.signal(signal.SIGKILL)
        server.process.wait()
        expect(warning).to_contain_text(f"Prefect does not answer at {server.api}", timeout=PATIENCE)
        expect(warning).to_contain_text("What stands here is from")
        expect(flows).to_contain_text("verify-dataset")
        expect(page.locator("#published")).to_contain_text("pictures version 2")
        expect(page.locator("#failures")).to_contain_text("out of memory")
        late.goto("/")
        for each in (page, late):
            assert axe_violations(each) == []
        with own_server(tmp_path, is_ours=True, port=server.port):
            expect(warning).to_have_count(0, timeout=PATIENCE)
            expect(flows).to_contain_text("verify-dataset")
            assert is_same(page)
        new_page.close()


def test_a_dashboard_that_is_gone_is_told_of_and_taken_up_again_when_it_is_back(
    new_page: NewPage, complaints: Complaints, small_roots: Tiers, tmp_path: Path
):
    with dashboard_command(small_roots, tmp_path / "first") as dashboard:
        port = dashboard.port
        page = new_page(dashboard.url)
        marked(page, "/")
        status = page.get_by_role("status")
        expect(status).to_be_empty()
        dashboard.stop()
        expect(status).to_contain_text("The dashboard does not answer", timeout=PATIENCE)
        expect(page.locator("#published")).to_contain_text("photos version 1")
        assert axe_violations(page) == []
    with dashboard_command(small_roots, tmp_path / "second", port=port):
        expect(status).to_be_empty(timeout=PATIENCE)
        assert is_same(page)
        new_page.close()
    assert complaints.take(r"failed: GET .*net::ERR_CONNECTION_\w+")
    complaints.take(r"console error: Failed to load resource: net::ERR_CONNECTION_\w+")
