"""What a browser has to complain of while a page is open, and which of it a test expects."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

LEVELS = ("error", "warning", "assert")
FAILED = 400
"""From this status on, an answer is a complaint; Chromium's console tells it too, but not its address."""
LEFT = "net::ERR_ABORTED"
OWN_SCHEMES = ("data", "blob", "about")
"""What these name is part of the page."""


@dataclass(slots=True)
class Complaints:
    """Lines such as "console error: …", "page error: …", "failed: …", "foreign: …", "answer 404: …", as they come."""

    lines: list[str] = field(default_factory=list)

    def take(self, pattern: str) -> list[str]:
        """Remove the lines that a regular expression is found in, and return them: those that a test expects."""
        taken = [line for line in self.lines if re.search(pattern, line)]
        self.lines = [line for line in self.lines if line not in taken]
        return taken

    def watch(self, context: BrowserContext, origin: str) -> None:
        """Listen to all pages of `context`, whose server is at `origin`, such as http://127.0.0.1:8000."""

        def on_console(message: ConsoleMessage) -> None:
            if message.type in LEVELS:
                self.lines.append(f"console {message.type}: {message.text}")

        def on_error(error: WebError) -> None:
            self.lines.append(f"page error: {error.error}")

        def on_request(request: Request) -> None:
            if not is_own(request.url, origin):
                self.lines.append(f"foreign: {request.url}")

        def on_failure(request: Request) -> None:
            # Whoever leaves a page ends what it was still asking for.
            if request.failure != LEFT:
                self.lines.append(f"failed: {request.method} {request.url} ({request.failure})")

        def on_response(response: Response) -> None:
            if response.status >= FAILED:
                self.lines.append(f"answer {response.status}: {response.url}")

        context.on("console", on_console)
        context.on("weberror", on_error)
        context.on("request", on_request)
        context.on("requestfailed", on_failure)
        context.on("response", on_response)


def is_own(url: str, origin: str) -> bool:
    """Tell whether an address is one of the server's own, port included, or part of the page itself."""
    parts = urlsplit(url)
    return parts.scheme in OWN_SCHEMES or f"{parts.scheme}://{parts.netloc}" == origin
