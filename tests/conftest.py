"""What all tests share: one Prefect server, and one small demonstration set that nobody changes."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, get_current_settings, temporary_settings
from xdist.remote import Producer

from flows.orchestrator import prefect_server
from tasks.ops.demo_set import render_demo_set
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font
from tests.prefect_home import prefect_home
from tests.scheduling import SharingScheduling, by_length

# Started in the background by a shell, the tests would inherit an ignored Ctrl-C, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test fails for the time that it takes: the machine may be shared.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# The server of the tests sends nothing anywhere.
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"

DEMO = DemoSpec(classes=160, images_per_class=5, scale="small", seed=7)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharingScheduling | None:
    """With `--dist loadscope`, let tests that share something dear be run by one process."""
    return SharingScheduling(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of groups that take long before the others, and leave their order as it is else."""
    items.sort(key=by_length)


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server with an empty database for all flow tests; starting one takes seconds. Returns its address."""
    home = prefect_home(tmp_path_factory.mktemp("prefect"))
    with temporary_settings({PREFECT_HOME: home}, restore_defaults={PREFECT_API_URL}), prefect_server():
        address = get_current_settings().api.url
        assert address is not None
        yield address


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration set of 800 small images, quirks and broken files included. Do not change it."""
    root = tmp_path_factory.mktemp("demo")
    render_demo_set(root, DEMO, font=find_emoji_font(), workers=2, on_progress=lambda written: None)
    return root


@pytest.fixture
def demo_copy(demo_root: Path, tmp_path: Path) -> Path:
    """The tree of the demonstration set, a copy that a test may change."""
    return Path(shutil.copytree(demo_root / "train", tmp_path / "train"))
