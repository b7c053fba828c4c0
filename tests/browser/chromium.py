"""One Chromium of this machine, driven by Playwright, that reaches loopback and nothing else."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "google-chrome")
WITHOUT = "a browser is needed: apt-get install chromium (scripts/chromium does), or Google Chrome as google-chrome"
OPTIONS = (
    # Containers give /dev/shm 64 MB, in which a tab dies.
    "--disable-dev-shm-usage",
    # A page that asks for another host is caught by what it asks, not by who answers: nobody does.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # The same letters whatever the machine's screen is.
    "--font-render-hinting=none",
)


@dataclass(frozen=True, slots=True)
class Chromium:
    """A running browser, and the event loop by which Playwright talks with it."""

    browser: Browser
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def awake(self) -> Iterator[Browser]:
        """Let this thread talk with the browser for a while.

        Playwright leaves its loop marked as the thread's running one between two calls. With that mark, other tests of
        the process would find themselves inside a loop: `asyncio.run` refuses, and Prefect takes other ways.
        """
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


def chromium_path() -> str | None:
    """Return the path of the browser, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started_chromium(path: str) -> Iterator[Chromium]:
    """Start the browser at a path; end it, and Playwright's own process, afterwards."""
    playwright = sync_playwright().start()
    chromium: Chromium | None = None
    try:
        loop = asyncio.get_running_loop()
        # Without its sandbox, which root cannot have: it shows no pages but ours.
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS, chromium_sandbox=False)
        asyncio._set_running_loop(None)
        chromium = Chromium(browser, loop)
        yield chromium
    finally:
        if chromium:
            asyncio._set_running_loop(chromium.loop)
            chromium.browser.close()
        playwright.stop()
        asyncio._set_running_loop(None)
