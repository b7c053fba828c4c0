"""What DeViSE comes to on classes that it never saw: three class splits of the demonstration set, by the commands.

For each split a backbone is trained on the seen classes, features are published, and a head learns on them with each of
the three losses. CPU seconds are those of whole commands, Prefect and the measuring included. Writes a table of
docs/results.md; with another number of pictures, prints it. `--root` keeps what is made, and goes on with it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.provenance import ROOT, provenance

SPLITS = (0, 1, 2)
EACH = 40
"""Pictures of each class."""
LOSSES = {"softmax": (), "cosine": ("loss=cosine",), "hinge": ("loss=hinge",)}
CONFIGURATIONS = ROOT / "training" / "configurations"


@dataclass(frozen=True)
class Commands:
    """Runs commands on the roots below a folder, and counts their CPU seconds."""

    root: Path

    def run(self, *arguments: str) -> tuple[dict[str, Any], float]:
        """Return what a command prints for machines, and the CPU seconds of it and all that it started."""
        before = _children()
        command = [sys.executable, "-m", "flows.command_line", *arguments, "--json"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        print(" ".join(arguments[:6]), f"{_children() - before:.0f} CPU s", flush=True)
        return json.loads(done.stdout), _children() - before

    def on_roots(self, *arguments: str) -> tuple[dict[str, Any], float]:
        """Run a command that takes the roots."""
        roots = ("--slow", str(self.root / "demo/slow"), "--fast", str(self.root / "demo/fast"))
        return self.run(*arguments, *roots)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def prepared(commands: Commands, *, each: int) -> float:
    """Draw and publish pictures, words and class splits; return the CPU seconds."""
    seconds = [
        commands.run(
            "demo", "--root", str(commands.root / "demo"), "--scale", "small", "--images-per-class", str(each)
        )[1]
    ]
    seconds.append(commands.on_roots("words", "--dataset", "demo")[1])
    seeds = [option for seed in SPLITS for option in ("--seed", str(seed))]
    seconds.append(commands.on_roots("splits", "demo", *seeds)[1])
    return sum(seconds)


def backbone(commands: Commands, split: int) -> float:
    """Train a backbone on the seen classes of a split and publish its features; return the CPU seconds."""
    file = str(CONFIGURATIONS / "backbone-small.toml")
    settings = ("dataset=demo", "splits=splits-demo", f"split={split}")
    name = f"backbone-{split}"
    _, training = commands.on_roots("train", "backbone", "--name", name, "--config", file, *settings)
    _, features = commands.on_roots("features", "demo", "--model", name)
    return training + features


def head(commands: Commands, split: int, loss: str) -> tuple[dict[str, float], float]:
    """Train a head with a loss; return its figures on held-out rows and the CPU seconds."""
    file = str(CONFIGURATIONS / "devise-small.toml")
    name = f"devise-{loss}-{split}"
    start = (f"start=backbone-{split}", f"features=features-demo-backbone-{split}", f"split={split}")
    told, seconds = commands.on_roots(
        "train", "devise", "--name", name, "--config", file, "dataset=demo", *start, *LOSSES[loss]
    )
    return told["held_out"]["metrics"], seconds


def figures_row(title: str, found: dict[str, float], name: str) -> tuple[object, ...]:
    """Return a line of the table: hit@1, 5 and 10 of unseen classes in %, with intervals where there are some."""
    cells = []
    for k in (1, 5, 10):
        text = f"{100 * found[f'{name}_hit{k}']:.1f}"
        if name == "unseen":
            text += f" ({100 * found[f'unseen_hit{k}_low']:.1f}–{100 * found[f'unseen_hit{k}_high']:.1f})"
        cells.append(text)
    return (title, *cells)


def mean_of(found: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the splits."""
    return {name: mean(each[name] for each in found) for name in found[0]}


def table_of(found: dict[str, list[dict[str, float]]]) -> str:
    """Return the figures of all splits and losses as a table."""
    rows = [
        figures_row(f"{loss}, split {split}", figures, "unseen")
        for loss, splits in found.items()
        for split, figures in zip(SPLITS, splits, strict=True)
    ]
    for loss, splits in found.items():
        whole = mean_of(splits)
        rows.append((f"**{loss}, mean**", *(f"**{100 * whole[f'unseen_hit{k}']:.1f}**" for k in (1, 5, 10))))
    of_softmax = mean_of(found["softmax"])
    for title, name in (("ConSE(10), mean", "conse_unseen"), ("control, mean", "control_unseen"), ("chance", "chance")):
        rows.append(figures_row(title, of_softmax, name))
    return markdown_table(("unseen classes, %", "hit@1", "hit@5", "hit@10"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder to keep; a temporary one by default")
    parser.add_argument("--each", type=int, default=EACH, help="pictures of each class (default: %(default)s)")
    options = parser.parse_args()
    line = provenance("python -m benchmarks devise", ["torch"])
    with tempfile.TemporaryDirectory() as temporary:
        commands = Commands((options.root or Path(temporary)).absolute())
        before = prepared(commands, each=options.each)
        backbones = sum(backbone(commands, split) for split in SPLITS)
        found = {loss: [head(commands, split, loss) for split in SPLITS] for loss in LOSSES}
    heads = sum(seconds for _, seconds in found["softmax"])
    table = table_of({loss: [figures for figures, _ in splits] for loss, splits in found.items()})
    note = (
        f"CPU seconds: {before:.0f} to draw, prepare, learn words and split; {backbones:.0f} for three backbones and "
        f"their features; {heads:.0f} for three heads with the default loss, most of it for measuring."
    )
    if options.each != EACH:
        print(f"{table}\n\n{note}")
    else:
        write_between_markers("results.md", "devise", f"\n{table}\n\n{note} {line}\n")


if __name__ == "__main__":
    main()
