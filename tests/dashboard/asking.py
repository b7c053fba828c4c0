"""Asks an ASGI application as a server does, target and headers byte for byte: clients tidy up what they send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

LOCAL = "127.0.0.1:4300"


@dataclass(frozen=True)
class Answer:
    """What the application sent; `error` is what it raised after that, None if it did not."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    error: Exception | None

    @property
    def text(self) -> str:
        return self.content.decode()


class Visitor:
    """Asks one application, one question at a time; keeps no cookie and follows no redirection."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner) -> None:
        self._app, self._runner = app, runner

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", target, headers)

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, *, body: bytes = b"") -> Answer:
        """Ask for `target`, what stands in the first line of a request, quoted. A header's text is its Latin-1."""
        asked = {"host": LOCAL, "content-length": str(len(body))} | dict(headers or {})
        return self._runner.run(_answer(self._app, _scope(method, target, asked), body))


@contextmanager
def visiting(app: ASGIApp) -> Iterator[Visitor]:
    """Give a visitor of an application."""
    with asyncio.Runner() as runner:
        yield Visitor(app, runner)


def _scope(method: str, target: str, headers: Mapping[str, str]) -> Scope:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 4300),
        "state": {},
    }


async def _answer(app: ASGIApp, scope: Scope, body: bytes) -> Answer:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []
    is_over = asyncio.Event()

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await is_over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            is_over.set()

    error = None
    try:
        await app(scope, receive, send)
    except Exception as raised:
        error = raised
    start = sent[0]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]), error)


class Markup(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        """All text, each run of white space one blank."""
        return " ".join(" ".join(self.pieces).split())

    def values(self, *attributes: str) -> list[str]:
        """Return the values of attributes of these names in the order of the page."""
        return [value for _, found in self.elements for name, value in found.items() if name in attributes]
