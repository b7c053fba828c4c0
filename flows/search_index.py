"""Decides which index a search goes through, and has it made where it is missing: the question is looked at before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.lines import say
from storage.reading import open_version
from storage.tiers import Tiers
from tasks.ops.image_search import open_learnt_words
from tasks.ops.noun_queries import QuestionReader
from tasks.ops.query_picture import query_square
from tasks.ops.search_index import IndexFound, IndexWanted
from tasks.ops.search_model import SearchModel


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


def require_answerable(
    tiers: Tiers, model: SearchModel, dataset: str, *, phrases: Sequence[str], image: Path | None, words: str | None
) -> None:
    """Check a question as far as that goes without an index.

    Raises:
        ValueError: a word is not known, or the picture cannot be read.
    """
    with open_version(tiers, dataset) as rows:
        if image is not None:
            query_square(image, rows.version.parameters, min(rows.sides))
            return
        with open_learnt_words(tiers, model, words) as maps:
            QuestionReader(maps.nouns, maps.vectors, preferred=frozenset(rows.classes)).question(phrases)


def made_index(tiers: Tiers, wanted: IndexWanted, found: IndexFound, *, device: str) -> int:
    """Make the index that is wanted, and return its version; where a run of before stopped, it goes on."""
    # Prefect takes a second, which only who has to wait anyway should pay.
    from flows.extract_features import extract_features
    from flows.feature_job import FeatureJob
    from flows.orchestrator import prefect_server

    say(f"{found.problem}; it is made first", err=True)
    job = FeatureJob(
        dataset=wanted.dataset,
        slow=tiers.slow,
        fast=tiers.fast,
        fast_budget=tiers.fast_budget,
        number=wanted.version,
        model=wanted.encoder,
        name=wanted.name,
        device=device,
    )
    with prefect_server():
        return extract_features(job).version.number
