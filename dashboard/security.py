"""Who may look, and what a page may do: a token, the names under which the server may be called, and strict headers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasks.ops.listening import is_loopback

COOKIE = "imagemill-token"
OPEN_PATHS = frozenset({"/sign-in", "/health", "/static/style.css"})
"""What is answered without the token: whether the server lives, and the page that asks for it."""
FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"})
"""Headers by which a proxy tells that somebody else than this machine asks."""

HEADERS = {
    # Everything comes from the package itself: a name that sneaked a script or an address into a page is powerless.
    # Cards of models and datasets embed their pictures, which is what `data:` is for.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

ASKED_AGAIN = "no-cache"
"""A browser keeps it, and asks each time whether it is still the same: scripts and styles change with the package."""

Refuse = Callable[[Scope, int], Response]
"""Makes the page for a visitor who may not look: the request and the status."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets a request pass, and adds the headers to every answer; an ASGI application around another.

    With a token, who does not show it by cookie or as `Authorization: Bearer …` gets 401. Without one, the server is
    for this machine, and is called by one of its names only: another site's page, whose name was made to point
    here, gets 421, and so does who comes through a proxy. `prefix` is the path under which a proxy shows the pages.
    """

    app: ASGIApp
    token: str
    prefix: str
    refuse: Refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page talks by a websocket
            await send({"type": "websocket.close", "code": 1008})
            return
        path = self._own_path(scope["path"])
        scope = {**scope, "root_path": self.prefix, "path": self.prefix + path}
        send = _with_headers(send, ASKED_AGAIN if path.startswith("/static/") else "no-store")
        if status := self._problem(scope, path):
            await self.refuse(scope, status)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _own_path(self, path: str) -> str:
        """Return the path below the prefix, with which a proxy may hand it on, or without."""
        if path == self.prefix or path.startswith(f"{self.prefix}/"):
            path = path.removeprefix(self.prefix)
        return path or "/"

    def _problem(self, scope: Scope, path: str) -> int:
        """Return the status with which a request is turned away, 0 if it may pass."""
        headers = Headers(scope=scope)
        if not self.token:
            return 0 if is_loopback(_host(headers)) and not FORWARDED.intersection(headers.keys()) else 421
        return 0 if path in OPEN_PATHS or self._is_shown(scope, headers) else 401

    def _is_shown(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and is_token(shown.strip(), self.token):
            return True
        # As a browser sends them: other applications of the same host may have set cookies against the rules.
        cookie = HTTPConnection(scope).cookies.get(COOKIE, "")
        return hmac.compare_digest(cookie.encode(), cookie_value(self.token).encode())


def is_token(shown: str, token: str) -> bool:
    """Tell whether somebody showed the token; how long that takes tells nothing of it."""
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), token.encode("utf-8", "surrogateescape"))


def cookie_value(token: str) -> str:
    """Return what the cookie of who signed in holds: not the token, which a stolen cookie must not give away."""
    return hashlib.sha256(b"imagemill-dashboard:" + token.encode("utf-8", "surrogateescape")).hexdigest()


def _host(headers: Headers) -> str:
    host = headers.get("host", "").lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _with_headers(send: Send, caching: str) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            # What is shown is of the moment, and perhaps behind a token; pictures say so where they may be kept.
            headers.setdefault("cache-control", caching)
        await send(message)

    return sending
