"""Turns values into HTML by the templates beside this module: all is escaped, and an unknown name is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from storage.names import without_controls
from tasks.ops.class_words import class_word

VIEWS = (
    ("", "Runs"),
    ("datasets", "Datasets"),
    ("words", "Words"),
    ("models", "Models"),
    ("search", "Search"),
    ("disks", "Disks"),
)
"""The pages of the menu: path and title."""


MOST_REASON = 300
"""Characters of a reason; what follows is in the log."""

_WRAPPING = re.compile(r"^(Flow run|Task run) encountered an exception(?:: |\.? )?")


def page(request: Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """Return a page; its template also knows the menu, the prefix of all links, and what time it is here."""
    path = request.url.path.removeprefix(request.scope.get("root_path", "")).strip("/")
    known = {
        "prefix": request.scope.get("root_path", ""),
        "views": VIEWS,
        "view": path.partition("/")[0],
        "now": datetime.now(UTC),
    }
    return HTMLResponse(_environment().get_template(template).render(known | dict(values)), status)


def compile_templates() -> None:
    """Compile all templates now, so that the first visitor does not wait for it."""
    for name in _environment().list_templates(extensions=["html"]):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": amount,
        "size": size,
        "moment": moment,
        "ago": ago,
        "lasting": lasting,
        "figure": figure,
        "segment": segment,
        "markdown": markdown,
        "plain": plain,
        "word": class_word,
        "share": share,
    }
    return environment


def amount(value: float | None) -> str:
    """Return a number with its thousands parted, an en dash for none."""
    return "–" if value is None else f"{value:,.0f}"


def figure(value: float | None) -> str:
    """Return a measured number in four digits."""
    return "no number" if value is None else f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"


def share(value: float | None) -> str:
    """Return a share in [0, 1] as per cent."""
    return "–" if value is None else f"{100 * value:.{0 if value in (0, 1) else 1}f} %"


def size(count: float | None) -> str:
    """Return bytes in powers of 1000, as disks are sold."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or abs(count) >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} PB"


def moment(value: datetime | str | None) -> datetime | None:
    """Return a time in UTC, also from a record's text; None where there is none."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return None if at is None else at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no time, or one before the first year
        return None


def ago(value: datetime | str | None, now: datetime) -> str:
    """Return how long ago a time is, or how long until then, as one word and a number; the page counts on."""
    at = moment(value)
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    return f"{lasting(seconds)} ago" if seconds >= 0 else f"in {lasting(-seconds)}"


def lasting(value: timedelta | float | None) -> str:
    """Return a duration in the largest unit that makes sense, as live.js does."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    for unit, length, below in (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 48 * 3600)):
        if seconds < below:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def segment(text: str) -> str:
    """Return a name as one part of a path in a link."""
    return quote(text, safe="")


def one_line(message: str) -> str:
    """Return the reason in a message of several lines: its first line, without what Prefect puts before each."""
    first = next((line for line in message.strip().splitlines() if line.strip()), "").strip()
    told = _WRAPPING.sub("", first)
    return told if len(told) <= MOST_REASON else f"{told[: MOST_REASON - 1]}…"


def plain(text: str) -> str:
    """Return text of others with what would turn or break a line written out."""
    return without_controls(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def markdown(text: str) -> Markup:
    """Return Markdown as HTML: HTML within it stays text, and a heading is two steps lower than it says."""
    # Markdown has no table without a header: a cell of one that says nothing is none.
    html = _markdown().render(text).replace("<th></th>", "<td></td>")
    # Long lines of code are pushed aside by the arrow keys.
    html = html.replace("<pre>", '<pre tabindex="0">')
    return Markup(re.sub(r"(</?h)([1-4])\b", lambda match: f"{match[1]}{int(match[2]) + 2}", html))


@cache
def _markdown() -> MarkdownIt:
    found = MarkdownIt("js-default", {"linkify": False, "typographer": False})
    found.core.ruler.push("aligned by class", _aligned_by_class)
    return found


def _aligned_by_class(state: StateCore) -> None:
    """Say by a class how the columns of a table stand: the policy lets no style in that a page has within."""
    for token in state.tokens:
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrSet("class", "right")
