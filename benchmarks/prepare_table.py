"""From the costs of all rounds to the two tables of docs/performance.md: medians, least costs, targets. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from benchmarks.documents import markdown_table
from benchmarks.prepare_rounds import Round, least_round
from benchmarks.process_costs import Cost

MAX_RATIO = 1.5
MAX_FIXED_USED, MAX_FIXED_FRESH = 15.0, 30.0
"""CPU seconds before the first image, with a Prefect home in use and with a fresh one."""
MAX_MEGABYTES = 700.0

Figure = Callable[[Round], float]


def cpu_table(rounds: Sequence[Round], fresh_prepare: Cost, fresh_trivial: Cost) -> str:
    """Return the CPU figures: the median of the rounds, that of the least costs, and the target."""
    head = ("CPU time of all processes", f"median of {len(rounds)}", "from the least", "target")
    return markdown_table(
        head,
        [
            _row(rounds, "`prepare`, one more image, ms", lambda it: it.prepare.slope_ms, digits=3),
            _row(rounds, "– in its workers, by their receipts, ms", lambda it: it.worker_ms, digits=3),
            _row(rounds, "bare loop, one more image, ms", lambda it: it.bare_loop.slope_ms, digits=3),
            _row(rounds, "**`prepare` / bare loop**", lambda it: it.ratio, digits=2, limit=MAX_RATIO),
            _row(rounds, "bare loop, fixed, s", lambda it: it.bare_loop.fixed_seconds),
            _row(rounds, "**`prepare`, fixed, s**", lambda it: it.prepare.fixed_seconds, limit=MAX_FIXED_USED),
            _row(rounds, "a trivial Prefect flow, s", lambda it: it.trivial_flow.cpu_seconds),
            _row(
                rounds,
                "**`prepare`, fixed, fresh Prefect home, s** (one run)",
                lambda it: it.prepare.fixed_seconds_of(fresh_prepare),
                limit=MAX_FIXED_FRESH,
            ),
            _row(rounds, "a trivial flow, fresh Prefect home, s (one run)", lambda it: fresh_trivial.cpu_seconds),
        ],
    )


def memory_table(rounds: Sequence[Round]) -> str:
    """Return the largest memory of the process trees over all rounds, MB."""
    line = rounds[0].prepare
    few, many = [it.prepare.few for it in rounds], [it.prepare.many for it in rounds]
    bare = [[it.bare_loop.few for it in rounds], [it.bare_loop.many for it in rounds]]
    rows: list[tuple[object, ...]] = [
        (
            f"{count:,}",
            _megabytes(cost.peak_bytes for cost in prepare),
            f"< {MAX_MEGABYTES:.0f}",
            _megabytes(cost.server_peak_bytes for cost in prepare),
            _megabytes(cost.peak_bytes for cost in loop),
        )
        for count, prepare, loop in zip((line.few_images, line.many_images), (few, many), bare, strict=True)
    ]
    head = ("images", "`prepare`, peak PSS of all processes, MB", "target", "Prefect's server besides", "bare loop")
    return markdown_table(head, rows)


def missed(rounds: Sequence[Round], fresh_prepare: Cost) -> list[str]:
    """Return a sentence for each target that the medians miss."""
    fresh = _median(rounds, lambda it: it.prepare.fixed_seconds_of(fresh_prepare))
    peak = max(cost.peak_bytes for it in rounds for cost in (it.prepare.few, it.prepare.many)) / 1e6
    checks = (
        ("`prepare` / bare loop", _median(rounds, lambda it: it.ratio), MAX_RATIO),
        ("fixed CPU s", _median(rounds, lambda it: it.prepare.fixed_seconds), MAX_FIXED_USED),
        ("fixed CPU s with a fresh home", fresh, MAX_FIXED_FRESH),
        ("peak memory in MB", peak, MAX_MEGABYTES),
    )
    return [f"{name}: {found:.2f}, expected at most {limit}" for name, found, limit in checks if found > limit]


def _row(
    rounds: Sequence[Round], label: str, figure: Figure, *, digits: int = 1, limit: float | None = None
) -> tuple[object, ...]:
    found = (_median(rounds, figure), figure(least_round(rounds)))
    target = "" if limit is None else f"≤ {limit:g}"
    return (label, *(f"{value:.{digits}f}" for value in found), target)


def _median(rounds: Sequence[Round], figure: Figure) -> float:
    return statistics.median(map(figure, rounds))


def _megabytes(sizes: Iterable[int]) -> str:
    return f"{max(sizes) / 1e6:.0f}"
