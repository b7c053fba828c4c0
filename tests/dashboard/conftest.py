"""Roots with one of everything, made once, and visitors of dashboards over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from dashboard.app import dashboard_app
from dashboard.site import Site
from tests.dashboard.asking import Visitor, visiting
from tests.dashboard.small_roots import Roots, made_roots


@pytest.fixture(scope="session")
def kept_roots(tmp_path_factory: pytest.TempPathFactory) -> Roots:
    """Do not change what is below them."""
    return made_roots(tmp_path_factory.mktemp("dashboard") / "roots")


@pytest.fixture
def roots(kept_roots: Roots, tmp_path: Path) -> Roots:
    """A copy that a test may change."""
    return kept_roots.copied(tmp_path / "roots")


@pytest.fixture(autouse=True)
def no_prefect() -> Iterator[None]:
    """No server is configured, unless a test does."""
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield


@pytest.fixture(scope="session")
def kept_visitor(kept_roots: Roots) -> Iterator[Visitor]:
    """A visitor of a dashboard without a token."""
    with visitor_of(kept_roots) as visitor:
        yield visitor


@contextmanager
def visitor_of(roots: Roots, *, token: str = "", prefix: str = "") -> Iterator[Visitor]:
    """Give a visitor of a dashboard over these roots, without models that answer."""
    with visiting(dashboard_app(Site(roots.tiers, token=token, prefix=prefix))) as visitor:
        yield visitor
