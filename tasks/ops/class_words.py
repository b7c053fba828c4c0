"""A word for a class: the demonstration set's wnids have one in its table; any other class stands for itself."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def class_word(class_name: str) -> str:
    """Return a word for a class, such as "snail" for n01944390."""
    return _words().get(class_name, class_name)


@cache
def _words() -> dict[str, str]:
    table = files("tasks.ops").joinpath("emoji_synsets.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return {wnid: lemma.replace("_", " ") for wnid, _, lemma in rows}
