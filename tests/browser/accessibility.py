"""The rules of axe-core, run on a page as it is shown."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
RUN = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"


@cache
def axe_source() -> str:
    """Return the text of axe.min.js."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def axe_violations(page: Page) -> list[str]:
    """Return a line for each element that breaks a rule of WCAG 2.0 to 2.2, level A or AA, or a best practice.

    A line is "color-contrast (serious): p.pale: Elements must meet minimum color contrast ratio thresholds". The rules
    are handed to the page from outside it, where a policy that forbids scripts does not reach. What axe-core cannot
    decide, such as the contrast of letters on a picture, is not told.
    """
    page.evaluate(axe_source())
    found: dict[str, Any] = page.evaluate(RUN, list(TAGS))
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {rule['help']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
