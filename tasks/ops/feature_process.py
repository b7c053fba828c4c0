"""Has the training process compute features, and tells how far it is; the one who asks has no torch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from storage.json_text import NotDecoded, decoded
from storage.tiers import Tiers
from tasks.ops.exit_codes import ExitCode
from tasks.ops.feature_requests import EncoderChoice
from tasks.ops.training_process import TrainingFailed, TrainingPreempted, training_process

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


class FeatureLine(msgspec.Struct, frozen=True):
    """One line of what the process tells: how many rows have a vector, or which version it published."""

    computed: int
    rows: int | None = None
    of: int | None = None
    version: int | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class FeatureOrder:
    """What is to be computed: a version of a dataset by number, an encoder, the name of the features, and on what."""

    tiers: Tiers
    dataset: str
    number: int
    choice: EncoderChoice
    name: str
    device: str = "auto"
    precision: str = "float32"
    batch_size: int = 64
    cpu_threads: int | None = None

    @property
    def arguments(self) -> list[str]:
        """Return it as arguments of the training process."""
        options = {
            "--version": self.number,
            "--slow": self.tiers.slow,
            "--fast": self.tiers.fast,
            "--model": self.choice.model,
            "--network": self.choice.network,
            "--weights": self.choice.weights,
            "--size": self.choice.size,
            "--name": self.name,
            "--device": self.device,
            "--precision": self.precision,
            "--batch-size": self.batch_size,
            "--cpu-threads": self.cpu_threads,
        }
        given = [str(part) for name, value in options.items() if value is not None for part in (name, value)]
        return ["features", self.dataset, *given]


def computed(order: FeatureOrder, *, on_line: Callable[[FeatureLine], None]) -> FeatureLine:
    """Compute and publish features; return the last line, which names the version. `on_line` hears of progress.

    Raises:
        TrainingFailed: it failed; the message has the reason.
        TrainingPreempted: somebody else stopped it, after the shard in hand.
    """
    with training_process(order.arguments) as process:
        while (code := process.wait(POLL_SECONDS)) is None:
            if found := _lines(process.output()):
                on_line(found[-1])
        lines = _lines(process.output())
        reason = process.last_words()
    if code == ExitCode.INTERRUPTED:
        raise TrainingPreempted(reason)
    if code != 0:
        text = reason or f"the process that computes features ended with {code}"
        raise TrainingFailed(text, exit_code=code if code > 0 else 1)
    if not lines or lines[-1].version is None:
        raise TrainingFailed("the process that computes features ended without naming a version", exit_code=1)
    return lines[-1]


def _lines(output: bytes) -> list[FeatureLine]:
    """Return the lines that are ours: a recipe may print what it likes between them."""
    found = []
    for line in output.split(b"\n")[:-1]:
        try:
            found.append(decoded(line, FeatureLine))
        except NotDecoded:
            logger.debug("not a line on features: %r", line[:200])
    return found
