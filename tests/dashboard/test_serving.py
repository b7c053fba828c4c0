"""The command as a user starts it: what it refuses, what it says, and that it ends at once and leaves no process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from dashboard.serving import SHORTEST_TOKEN, DashboardPlace, serve
from dashboard.site import Site
from flows.command_line import app
from tasks.ops.listening import is_loopback
from tests.browser.dashboards import told_address
from tests.dashboard.small_roots import Roots
from tests.faults.hostile_servers import plain_environment

REPOSITORY = Path(__file__).parents[2]
TOKEN = "t" * SHORTEST_TOKEN


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_beyond_this_machine_it_is_served_with_a_token_only(host: str):
    with pytest.raises(ValueError, match=r"could be looked at from there\. Set IMAGEMILL_DASHBOARD_TOKEN"):
        DashboardPlace(host).require_safe("")
    DashboardPlace(host).require_safe(TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_on_this_machine_it_is_served_without_a_token(host: str):
    assert is_loopback(host)
    DashboardPlace(host).require_safe("")


def test_behind_a_proxy_it_is_served_with_a_token_only():
    with pytest.raises(ValueError, match=r"prefix /mill is for a proxy.* Set IMAGEMILL_DASHBOARD_TOKEN"):
        DashboardPlace(prefix="/mill").require_safe("")
    DashboardPlace(prefix="/mill").require_safe(TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_token_that_could_be_guessed_is_refused(host: str):
    with pytest.raises(ValueError, match=r"15 characters, and 16 is the least .* openssl rand -hex 24"):
        DashboardPlace(host).require_safe(TOKEN[1:])


@pytest.mark.parametrize(
    "prefix", ["mill", "/", "//", "/a//b", "/a/", "/a b", '/a"><b>', "/ä", "/a\n", "http://a", "/%2e"]
)
def test_a_prefix_that_is_no_path_is_refused(prefix: str):
    with pytest.raises(ValueError, match="should be a path such as /imagemill"):
        DashboardPlace(prefix=prefix).require_safe(TOKEN)


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (DashboardPlace(), "http://127.0.0.1:4300/"),
        (DashboardPlace("0.0.0.0", 1, "/mill"), "http://127.0.0.1:1/mill/"),
        (DashboardPlace("::1", 1), "http://[::1]:1/"),
    ],
)
def test_the_address_that_is_told_can_be_opened(place: DashboardPlace, url: str):
    assert place.url == url


def test_a_port_that_is_taken_is_told_with_what_to_do(kept_roots: Roots):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = DashboardPlace(port=taken.getsockname()[1])
        with pytest.raises(ValueError, match=r"cannot be listened on: .* choose another --port"):
            serve(Site(kept_roots.tiers), place, say=print)


def test_the_help_gives_examples():
    result = CliRunner().invoke(app, ["dashboard", "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    assert "imagemill dashboard --slow /hdd --fast /ssd" in result.output
    assert "IMAGEMILL_DASHBOARD_TOKEN" in result.output


@dataclass(frozen=True)
class Running:
    """A dashboard as a process of its own, and its address."""

    process: subprocess.Popen[str]
    url: str

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def running(roots: Roots, home: Path, *options: str, **environment: str) -> Iterator[Running]:
    roots_named = ["--slow", str(roots.tiers.slow), "--fast", str(roots.tiers.fast)]
    command = [sys.executable, "-m", "flows.command_line", "dashboard", "--port", "0", *roots_named, *options]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=plain_environment(home) | environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        url = told_address(process.stderr)
        assert url, "it ended before it said where it is"
        yield Running(process, url)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_it_answers_until_it_is_stopped_and_that_is_no_failure(
    kept_roots: Roots, tmp_path: Path, number: signal.Signals
):
    with running(kept_roots, tmp_path) as dashboard:
        assert httpx.get(f"{dashboard.url}health", trust_env=False).text == "ok"
        assert "torn" in httpx.get(dashboard.url, trust_env=False).text
        below = dashboard.below
        code = dashboard.end(number)
        assert dashboard.process.stderr is not None
        told = dashboard.process.stderr.read()
    assert (code, told) == (0, "")
    assert [process for process in below if process.is_running()] == []


def test_its_token_comes_from_the_environment_and_a_bad_one_is_refused(kept_roots: Roots, tmp_path: Path):
    with running(kept_roots, tmp_path, "--prefix", "/mill/", IMAGEMILL_DASHBOARD_TOKEN=TOKEN) as dashboard:
        assert dashboard.url.endswith("/mill/")
        assert httpx.get(dashboard.url, trust_env=False).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.get(dashboard.url, headers=bearer, trust_env=False).status_code == 200
        assert TOKEN not in " ".join(psutil.Process(dashboard.process.pid).cmdline())
    result = CliRunner().invoke(
        app, ["dashboard", "--slow", str(kept_roots.tiers.slow)], env={"IMAGEMILL_DASHBOARD_TOKEN": "short"}
    )
    assert result.exit_code == 2
    assert "openssl rand" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_process_that_looks_at_pictures_ends_with_it(kept_roots: Roots, tmp_path: Path, number: signal.Signals):
    with running(kept_roots, tmp_path, OMP_NUM_THREADS="1") as dashboard:
        answer = httpx.post(f"{dashboard.url}search/picture", content=b"no picture", timeout=120, trust_env=False)
        assert answer.status_code == 422
        below = dashboard.below
        assert below
        dashboard.end(number)
        _, alive = psutil.wait_procs(below, timeout=30)
    assert [process.pid for process in alive if Path("/proc", str(process.pid)).exists()] == []
