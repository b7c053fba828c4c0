"""What the quick tests of pages look at: coloured pictures with words, a model and its index, and hostile names."""

from __future__ import annotations

import os
from pathlib import Path

from storage.tiers import Tiers
from tests.browser.picture_tree import LATIN, MARKUP, SCRIPT
from tests.faults.bare_prepare import BareJob, prepare
from tests.oracles.conversions import encoded
from tests.tasks.ops.prepared_images import add_files
from tests.tasks.ops.searchable import THING, picture, published_searchable

HOSTILE = "hostile"
"""A dataset whose classes, pictures and refused file all have hostile names; its rows come from here in a second."""
HOSTILE_PICTURES = 3


def made_small_roots(root: Path) -> Tiers:
    """Publish `photos`, words, splits, the model `devise` with its index, and `hostile` below one disk's root."""
    tiers = published_searchable(root).tiers
    source = root / "hostile"
    files = {
        f"{os.fsdecode(name)}/{os.fsdecode(MARKUP)}-{number}.png": encoded(picture(THING, 10 * place + number), "PNG")
        for place, name in enumerate((SCRIPT, MARKUP, LATIN))
        for number in range(HOSTILE_PICTURES)
    }
    add_files(source, files | {f"{os.fsdecode(SCRIPT)}/{os.fsdecode(MARKUP)}-page.jpg": b"<html>404</html>"})
    job = BareJob(str(source), str(tiers.slow), HOSTILE, sides=(16,), max_refused=0.5)
    assert prepare(job)["status"] == "published"
    return tiers
