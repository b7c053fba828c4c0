"""The views of a dashboard by name, and what has to hold on each of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from playwright.sync_api import Page, expect

MENU = ("Runs", "Datasets", "Words", "Models", "Search", "Disks")

SMALL_VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "runs": "/",
        "datasets": "/datasets",
        "dataset": "/datasets/photos",
        "hostile dataset": "/datasets/hostile",
        "rows": "/datasets/photos/1/rows",
        "row": "/datasets/photos/1/rows/0",
        "words": "/words?word=dog",
        "models": "/models",
        "model": "/models/devise",
        "search": "/search",
        "found by word": "/search?q=dog",
        "disks": "/disks",
    }
)
"""Of the roots that `made_small_roots` makes."""

VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "runs": "/",
        "datasets": "/datasets",
        "dataset of two versions": "/datasets/pictures",
        "its first version": "/datasets/pictures?version=1",
        "dataset of pairs": "/datasets/pictures-numbers",
        "word maps": "/datasets/words",
        "rows": "/datasets/pictures/2/rows",
        "rows of a class": "/datasets/pictures/2/rows?class=0",
        "row": "/datasets/pictures/2/rows/0",
        "row of pairs": "/datasets/pictures-numbers/1/rows/0",
        "words": "/words",
        "near a word": "/words?word=dog",
        "misspelt word": "/words?word=dgo",
        "models": "/models",
        "model that improves": "/models/superres",
        "its refused candidate": "/models/superres?version=2",
        "model of pairs": "/models/gan-generator",
        "model that draws": "/models/wgan",
        "model without a version": "/models/digits",
        "search": "/search",
        "found by word": "/search?q=dog",
        "unknown word": "/search?q=dgo",
        "disks": "/disks",
    }
)
"""Of the premises."""


def panels_without_age(page: Page) -> list[str]:
    """Return the headings of the panels that do not tell how old what they show is."""
    return page.eval_on_selector_all(
        "section.panel",
        "panels => panels.filter(each => !each.querySelector('.as-of time')).map(each => each.innerText)",
    )


def hidden_to_the_right(page: Page) -> int:
    """Return by how many pixels the page is wider than the window; a person would have to push it to and fro."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def see_all(page: Page) -> None:
    """Open what is folded, load what is below, and wait until every picture is there."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.evaluate("document.querySelectorAll('img').forEach(each => { each.loading = 'eager'; })")
    # As a promise: the page's policy forbids what Playwright's own waiting would evaluate again and again.
    assert (
        page.evaluate(
            "Promise.all([...document.images].map(each => each.decode().then(() => '', () => each.src)))"
            ".then(all => all.filter(each => each))"
        )
        == []
    )


def menu_shows(page: Page, title: str) -> None:
    """Check that the menu is there and says which of its pages this is."""
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(links).to_have_text(list(MENU))
    expect(page.locator("nav [aria-current=page]").first).to_have_text(title)
