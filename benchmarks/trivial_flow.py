"""The least that any Prefect flow costs."""

from __future__ import annotations

from prefect import flow


@flow(name="trivial")
def trivial() -> int:
    return 1
