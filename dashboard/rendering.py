"""Turns values into HTML by the templates beside this module: all is escaped, and an unknown name is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from dashboard.wording import ago, amount, figure, lasting, moment, plain, segment, share, size
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


def page(request: Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """Return a page; its template also knows the menu, the prefix of all links, and what time it is here."""
    # Below a mount, as that of static files, the other one has the mount's path, too.
    prefix = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    path = request.url.path.removeprefix(prefix).strip("/")
    known = {
        "prefix": prefix,
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
