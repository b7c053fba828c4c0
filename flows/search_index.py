"""Decides which index a search goes through."""

from __future__ import annotations

from flows.lines import say
from tasks.ops.search_index import IndexFound, IndexWanted


def index_at_hand(wanted: IndexWanted, found: IndexFound) -> int:
    """Return the version of the index that is there, with a warning if it is not the one that is wanted.

    Raises:
        ValueError: there is none at all.
    """
    if found.fitting is not None:
        return found.fitting
    remedy = f"imagemill features {wanted.dataset} --model {wanted.encoder}"
    if found.newest is None:
        raise ValueError(f"{found.problem}. Make it: {remedy}")
    say(f"warning: {found.problem}. It is searched as it is; make it anew with: {remedy}", err=True)
    return found.newest
