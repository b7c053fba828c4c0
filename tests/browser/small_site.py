"""A server of a few pages that are given as text, for tests of the tests' own instruments."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; require-trusted-types-for 'script'"
"""Stricter than the dashboard's: not one script runs."""


def document(body: str, *, head: str = "") -> str:
    """Return a page that breaks no rule by itself."""
    start = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>'
    icon = '<link rel="icon" href="data:,">'
    return f"{start}{icon}{head}</head><body><main><h1>A page</h1>{body}</main></body></html>"


@contextmanager
def small_site(pages: Mapping[str, str], *, policy: str | None = None) -> Iterator[str]:
    """Serve each text under its path as HTML; give the server's address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = pages.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write((content or document("<p>There is no such page.</p>")).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
