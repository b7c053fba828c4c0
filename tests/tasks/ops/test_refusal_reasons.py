"""Why an image is refused, as pages explain it: every reason, and as docs/refusals.md says."""

from __future__ import annotations

import re
from pathlib import Path

from storage.refused import Reason
from tasks.ops.refusal_reasons import EXPLANATIONS

DOCS = Path(__file__).parents[3] / "docs" / "refusals.md"


def documented() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \| (.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    return {reason: (meaning.replace("`", ""), remedy.replace("`", "")) for reason, meaning, remedy in rows}


def test_every_reason_is_explained_as_the_documentation_does():
    told = {reason: (found.meaning, found.remedy) for reason, found in EXPLANATIONS.items()}
    assert told == documented()
    assert set(told) == {reason.value for reason in Reason}
