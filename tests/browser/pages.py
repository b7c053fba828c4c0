"""Pages as a person opens them: on a desktop or a phone, in a light or a dark room, with moving pictures or without."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.complaints import Complaints

Device = Literal["desktop", "phone"]
Scheme = Literal["light", "dark"]
DEVICES = MappingProxyType(
    {
        "desktop": {"viewport": {"width": 1280, "height": 800}},
        "phone": {
            "viewport": {"width": 390, "height": 844},
            "device_scale_factor": 2,
            "is_mobile": True,
            "has_touch": True,
        },
    }
)


@dataclass(slots=True)
class NewPage:
    """Opens pages of a server, each in a context without cookies, and writes down what they complain of."""

    browser: Browser
    complaints: Complaints
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self,
        server: str,
        *,
        device: Device = "desktop",
        scheme: Scheme = "light",
        motion: Literal["reduce", "no-preference"] = "reduce",
        javascript: Literal["on", "off"] = "on",
    ) -> Page:
        """Return a page, still empty, on which `goto("/models")` is that page of the server at `server`."""
        options: dict[str, Any] = DEVICES[device]
        context = self.browser.new_context(
            base_url=server,
            color_scheme=scheme,
            reduced_motion=motion,
            java_script_enabled=javascript == "on",
            **options,
        )
        self.contexts.append(context)
        self.complaints.watch(context, server.rstrip("/"))
        return context.new_page()

    def close(self) -> None:
        """Close all pages, once what they had to say has arrived.

        A test whose server ends before it does calls this first: a live page would complain of that.
        """
        for context in self.contexts:
            for page in context.pages:
                # Messages of a page come in their order: with this answer all before it are here.
                page.title()
            context.close()
        self.contexts.clear()
