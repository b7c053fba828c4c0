"""Takes the pictures of docs/images/dashboard: `python -m tests.browser.screenshots http://127.0.0.1:4300`.

The dashboard there should show the demonstration set after `make demo-all`, with a build at work for the first page.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.chromium import WITHOUT, chromium_path, started_chromium
from tests.browser.pages import DEVICES, Device, Scheme

PLACE = Path(__file__).parents[2] / "docs" / "images" / "dashboard"
VIEWS = {
    "runs": "/",
    "datasets": "/datasets",
    "dataset": "/datasets/demo",
    "rows": "/datasets/demo/1/rows",
    "pair": "/datasets/demo-small-lesson/1/rows/2",
    "words": "/words?word=golden+retriever",
    "models": "/models",
    "superres": "/models/superres",
    "gan": "/models/gan",
    "search": "/search?q=flower",
    "disks": "/disks",
}
TAKEN: tuple[Device, ...] = ("desktop", "phone")
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
COLOURS = 192
"""Few enough for a small file; more than the pages have besides their pictures."""
HEAD = ("rows-desktop-light", "superres-desktop-dark")


def main() -> None:
    """Take all pictures."""
    path = chromium_path()
    if path is None:
        raise SystemExit(WITHOUT)
    PLACE.mkdir(parents=True, exist_ok=True)
    with started_chromium(path) as chromium, chromium.awake() as browser:
        for device in TAKEN:
            for scheme in SCHEMES:
                _take(browser, sys.argv[1], device, scheme)
    _draw_head()


def _take(browser: Browser, server: str, device: Device, scheme: Scheme) -> None:
    options = {**DEVICES[device], "device_scale_factor": 1}
    context = browser.new_context(base_url=server, color_scheme=scheme, reduced_motion="reduce", **options)
    page = context.new_page()
    for name, address in VIEWS.items():
        page.goto(address)
        _settle(page)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        target = PLACE / f"{name}-{device}-{scheme}.png"
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    context.close()


def _settle(page: Page) -> None:
    """Wait until all pictures that can be seen are there."""
    page.wait_for_function(
        """() => [...document.images].every((image) => image.complete || !image.checkVisibility()
            || image.getBoundingClientRect().top > innerHeight)""",
        timeout=120_000,
    )


def _draw_head() -> None:
    """Draw the picture at the head of the README: two pages, one over the other."""
    below, above = (Image.open(PLACE / f"{name}.png").convert("RGB") for name in HEAD)
    head = Image.new("RGB", (1440, 900), (255, 255, 255))
    head.paste(below, (0, 0))
    head.paste(Image.new("RGB", (1004, 644), (120, 128, 130)), (434, 254))
    head.paste(above.resize((1000, 625), Image.Resampling.LANCZOS), (436, 256))
    head.crop((0, 0, 1440, 882)).quantize(COLOURS, dither=Image.Dither.NONE).save(PLACE / "head.png", optimize=True)


if __name__ == "__main__":
    main()
