"""Asks the training process to restore the rows of pairs and publish them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage.json_text import NotDecoded, decoded
from tasks.ops.training_commands import short_failure
from tasks.ops.training_process import TrainingFailed, training_process


@dataclass(frozen=True, slots=True)
class RestoringOrder:
    """Which pairs are restored by which model, and what the dataset that comes of it is called."""

    dataset: str
    number: int | None
    model: str
    name: str
    slow: Path
    fast: Path
    device: str = "auto"
    batch_size: int = 32

    @property
    def arguments(self) -> list[str]:
        """Return it as arguments of the training process."""
        version = [] if self.number is None else ["--version", str(self.number)]
        places = ["--slow", str(self.slow), "--fast", str(self.fast), "--device", self.device]
        named = ["--model", self.model, "--name", self.name, "--batch-size", str(self.batch_size)]
        return ["restore-rows", self.dataset, *version, *named, *places]


@dataclass(frozen=True, slots=True)
class RestoredRows:
    """What was published: the version of which dataset, whether it is new, and its rows."""

    dataset: str
    version: int
    is_new: bool
    rows: int


def restored(order: RestoringOrder) -> RestoredRows:
    """Restore the rows that are not restored yet, and publish all.

    Raises:
        TrainingFailed: it failed, or somebody stopped it; the message has the reason.
    """
    with training_process(order.arguments) as process:
        code = process.wait()
        output = process.output()
        if code != 0:
            raise short_failure(process, code)
    try:
        return decoded(output.strip().rpartition(b"\n")[2], RestoredRows)
    except NotDecoded as error:
        raise TrainingFailed(f"what {order.model} restored was not told as expected: {error}", exit_code=1) from error
