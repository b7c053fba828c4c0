"""What one round of the `prepare` benchmark cost, and the lines through its two numbers of images. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.process_costs import Cost


@dataclass(frozen=True, slots=True)
class Line:
    """CPU seconds by number of images, through what `few` and `many` images cost."""

    few_images: int
    few: Cost
    many_images: int
    many: Cost

    @property
    def slope_ms(self) -> float:
        """CPU milliseconds of one more image."""
        return 1e3 * (self.many.cpu_seconds - self.few.cpu_seconds) / (self.many_images - self.few_images)

    @property
    def fixed_seconds(self) -> float:
        """CPU seconds of a run without any image."""
        return self.fixed_seconds_of(self.few)

    def fixed_seconds_of(self, few: Cost) -> float:
        """Return the CPU seconds without any image of another run with few images, whose slope is the same."""
        return few.cpu_seconds - self.few_images * self.slope_ms / 1e3


@dataclass(frozen=True, slots=True)
class Round:
    """All ways, run one after the other; `prepare` and the trivial flow with a Prefect home that is in use."""

    prepare: Line
    bare_loop: Line
    trivial_flow: Cost

    @property
    def ratio(self) -> float:
        """Cost of one more image beside that of the bare loop."""
        return self.prepare.slope_ms / self.bare_loop.slope_ms

    @property
    def worker_ms(self) -> float:
        """CPU milliseconds of an image in the worker processes, as the receipts have it."""
        return json.loads(self.prepare.many.output)["cpu_ms_per_image"]

    def __str__(self) -> str:
        bare, full = self.bare_loop, self.prepare
        return (
            f"CPU s: prepare {full.few.cpu_seconds:.2f} and {full.many.cpu_seconds:.2f}, "
            f"bare loop {bare.few.cpu_seconds:.2f} and {bare.many.cpu_seconds:.2f} "
            f"({full.few_images} and {full.many_images} images), trivial flow {self.trivial_flow.cpu_seconds:.2f}"
        )


def least_round(rounds: Sequence[Round]) -> Round:
    """Return the round made of the least cost of each run: what is left when nothing disturbs."""
    return Round(
        least_line([found.prepare for found in rounds]),
        least_line([found.bare_loop for found in rounds]),
        _least([found.trivial_flow for found in rounds]),
    )


def least_line(lines: Sequence[Line]) -> Line:
    """Return the line through the least cost of each of the two numbers of images."""
    return replace(lines[0], few=_least([line.few for line in lines]), many=_least([line.many for line in lines]))


def _least(costs: Sequence[Cost]) -> Cost:
    return min(costs, key=lambda cost: cost.cpu_seconds)
