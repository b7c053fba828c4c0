"""Batches for training beside torchvision's ImageFolder and DataLoader, over the same pictures, two threads or workers.

Ready rows, and rows cropped from 256 to 224 pixels and flipped at random: ours from published arrays, the other from
the JPEG files that those were made of, as torchvision's own training script reads them. In turn, in one run; each
delivers uint8 tensors, and of the epochs of a way the best counts. Writes a table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.demo_files import drawn_demo_set, first_names, read_all, sound_paths
from benchmarks.documents import markdown_table
from benchmarks.provenance import ROOT, provenance
from benchmarks.targets import Target, report, target_table
from storage import Tiers, open_version
from storage.versions import current_version

IMAGES, QUICK_IMAGES = 4_000, 500
EPOCHS, ROUNDS = 3, 3
BATCH, WORKERS = 64, 2
LEAST_READY, LEAST_AUGMENTED = 8, 3
READY, AUGMENTED = "ready", "augmented"
DATASET = "batches"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batches", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few images, one round, nothing is written to the docs")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "KIND", "IMAGES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        way, kind, images = options.one
        print(json.dumps(_measured(way, kind, int(images))))
        return
    images, rounds = (QUICK_IMAGES, 1) if options.quick else (IMAGES, ROUNDS)
    origin = provenance("python -m benchmarks batches", ["torch", "torchvision"])
    _published(images)
    read_all(drawn_demo_set(), first_names(drawn_demo_set(), images))
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for kind in (READY, AUGMENTED):
            for way in ("ours", "folder"):
                rates.setdefault((way, kind), []).append(_told(way, kind, images))
    _report(origin, images, rates, for_docs=not options.quick)


def _report(origin: str, images: int, rates: dict[tuple[str, str], list[float]], *, for_docs: bool) -> None:
    told = {READY: "224 px, as they are", AUGMENTED: "256 px, random crop of 224, random flip"}
    rows: list[tuple[object, ...]] = []
    targets = []
    for kind, least in ((READY, LEAST_READY), (AUGMENTED, LEAST_AUGMENTED)):
        ours, folder = rates["ours", kind], rates["folder", kind]
        ratios = sorted(one / other for one, other in zip(ours, folder, strict=True))
        middle = ratios[len(ratios) // 2]
        rows.append((told[kind], f"**{max(ours):,.0f}**", f"{max(folder):,.0f}", f"{middle:.1f}"))
        targets.append(Target(f"{told[kind]}: ours / ImageFolder", middle, least, is_least=True))
    head = (f"{images:,} images, batches of {BATCH}", "ours, images/s", "ImageFolder of the JPEGs, images/s", "ratio")
    tables = f"{origin}\n\n{markdown_table(head, rows)}\n\n{target_table(targets)}"
    report("batches beside ImageFolder", tables, targets, for_docs=for_docs)


def _told(way: str, kind: str, images: int) -> float:
    command = [sys.executable, "-m", "benchmarks.batches", "--one", way, kind, str(images)]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{way} {kind}: {output.strip()} images/s", file=sys.stderr, flush=True)
    return json.loads(output.strip().splitlines()[-1])


def _measured(way: str, kind: str, images: int) -> float:
    import torch

    torch.set_num_threads(1)
    return (_ours if way == "ours" else _folder)(kind, images)


def _best_rate(batches: Callable[[int], Iterable[int]]) -> float:
    """Return the images per second of the best of some epochs; `batches` yields how many each batch has."""
    rates = []
    for epoch in range(EPOCHS):
        began = time.perf_counter()
        count = sum(batches(epoch))
        rates.append(count / (time.perf_counter() - began))
    return max(rates)


def _ours(kind: str, images: int) -> float:
    import torch

    from training.augmentation import CropFlip
    from training.batches import RandomBatches
    from training.distributed import World
    from training.sources import StoredRows

    with open_version(_published(images), DATASET) as version:
        source = StoredRows({"images": version.rows(224 if kind == READY else 256)}, {"labels": version.labels})
        augmentation = None if kind == READY else CropFlip(224)
        world = World(0, 1, torch.device("cpu"))
        reader = RandomBatches(source, BATCH, 0, world, augmentation, threads=WORKERS)
        return _best_rate(lambda epoch: map(len, reader.of_epoch(epoch)))


def _folder(kind: str, images: int) -> float:
    from torch.utils.data import DataLoader

    from training.torchvision_import import torchvision

    v2, source = torchvision.transforms.v2, drawn_demo_set()
    crop: list[Any] = [v2.Resize(224), v2.CenterCrop(224)]
    if kind == AUGMENTED:
        crop = [v2.Resize(256), v2.RandomCrop(224), v2.RandomHorizontalFlip()]
    sound = set(sound_paths(source, first_names(source, images)))
    dataset = torchvision.datasets.ImageFolder(
        str(source), v2.Compose([*crop, v2.PILToTensor()]), is_valid_file=sound.__contains__, allow_empty=True
    )
    loader = DataLoader(dataset, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)
    return _best_rate(lambda epoch: (len(labels) for _, labels in loader))


def _published(images: int) -> Tiers:
    """Publish the images at both sizes and stage them; kept from one run to the next."""
    folder = ROOT / "build" / f"batches-{images}"
    tiers = Tiers(folder / "slow", folder / "fast")
    if current_version(tiers.authority(DATASET)) is None:
        command = [sys.executable, "-m", "flows.command_line", "prepare", str(drawn_demo_set()), "--dataset", DATASET]
        command += ["--slow", str(tiers.slow), "--fast", str(tiers.fast), "--size", "256", "--size", "224"]
        command += ["--limit", str(images), "--max-refused", "1"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return tiers


if __name__ == "__main__":
    main()
