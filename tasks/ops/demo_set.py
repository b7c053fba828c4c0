"""Writes a whole demonstration set as a class-folder tree, in parallel. A file under its final name is whole.

<root>/demo.json            what the set is; another set in the same root is an error, never an overwrite
<root>/expected.json        quirk of every odd or broken file, and the reason for which it must be refused
<root>/train/nXXXXXXXX/nXXXXXXXX_N.JPEG
<root>/tmp/                 files being written; removed at the end
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from joblib import Parallel, delayed

from storage.digests import object_digest
from storage.durable import write_durably
from tasks.ops.demo_images import GENERATOR, demo_name, rendered
from tasks.ops.demo_quirks import REASONS, Quirk, quirk_of
from tasks.ops.demo_spec import DemoSpec

LARGEST_LOT = 32
"""Files per call of a worker: half a second of work, so that progress moves and Ctrl-C is obeyed soon."""

STALE_SECONDS = 3600
"""A temporary folder untouched for so long belongs to no running process: a file takes milliseconds."""

ABOUT = (
    "Demonstration set drawn from the Noto Color Emoji font (SIL Open Font License 1.1). Not photographs, not ImageNet."
)


class DemoRootTaken(FileExistsError):
    """The folder holds something else than the set that was asked for; nothing in it was touched."""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What `render_demo_set` left behind: the class-folder tree, its files, those drawn by this call, those broken."""

    source: Path
    images: int
    rendered: int
    broken: int


def render_demo_set(
    root: Path, spec: DemoSpec, *, font: Path, workers: int, on_progress: Callable[[int], None]
) -> DemoSummary:
    """Draw what is missing of the set `spec` below `root` with `workers` processes.

    `on_progress` is called with the number of files just written. Interrupted, the next call goes on.

    Raises:
        DemoRootTaken: `root` holds another set, or a `train` folder that is no demonstration set.
    """
    if workers < 1:
        raise ValueError(f"at least 1 worker is needed, got {workers}")
    _claim(root, spec, font)
    missing = _missing(root, spec)
    lots = _lots(missing, workers)
    with _emptied(root / "tmp"), tempfile.TemporaryDirectory(dir=root / "tmp", ignore_cleanup_errors=True) as partial:
        pool = Parallel(n_jobs=max(1, min(workers, len(lots))), return_as="generator_unordered")
        calls = (delayed(write_lot)(root, spec, lot, font=font, partial=Path(partial)) for lot in lots)
        for written in cast("Iterator[int]", pool(calls)):
            on_progress(written)
    broken = sum(quirk_of(spec, *spec.place_of(number)) in REASONS for number in range(spec.total))
    return DemoSummary(root / "train", spec.total, len(missing), broken)


def write_lot(root: Path, spec: DemoSpec, lot: Sequence[int], *, font: Path, partial: Path) -> int:
    """Draw the files of `lot` and give each its name when it is whole; return how many."""
    for number in lot:
        image = rendered(spec, *spec.place_of(number), font=font)
        target = root / "train" / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = partial / target.name
        unfinished.write_bytes(image.content)
        unfinished.replace(target)
    return len(lot)


def expected_record(spec: DemoSpec) -> dict[str, dict[str, str | None]]:
    """Return quirk and reason of refusal of each odd file by its path below `train/`.

    The reason is None where the file must be stored.
    """
    record: dict[str, dict[str, str | None]] = {}
    for number in range(spec.total):
        place = spec.place_of(number)
        quirk = quirk_of(spec, *place)
        if quirk is not Quirk.NONE:
            record[demo_name(*place)] = {"quirk": quirk, "reason": REASONS.get(quirk)}
    return record


def _claim(root: Path, spec: DemoSpec, font: Path) -> None:
    """Note in `root` which set it holds, or check that it holds this one."""
    identity = {"about": ABOUT, "generator": GENERATOR, "font": object_digest(font), "spec": asdict(spec)}
    card = root / "demo.json"
    remedy = "Name another root, or remove this one first"
    if card.exists():
        found = _read(card)
        if found != identity:
            raise DemoRootTaken(f"{root} holds another demonstration set. {_difference(identity, found)}. {remedy}")
        return
    if (root / "train").exists():
        raise DemoRootTaken(f"{root / 'train'} exists and is not a demonstration set of ours. {remedy}")
    root.mkdir(parents=True, exist_ok=True)
    write_durably(root / "expected.json", _as_json(expected_record(spec)))
    write_durably(card, _as_json(identity))


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """Make `folder`, rid it of what killed runs left there, and remove it in the end unless another run uses it."""
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def _missing(root: Path, spec: DemoSpec) -> list[int]:
    """Return the numbers of the files that are not there yet."""
    return [number for number in range(spec.total) if not _is_whole(root, spec, number)]


def _is_whole(root: Path, spec: DemoSpec, number: int) -> bool:
    place = spec.place_of(number)
    try:
        size = (root / "train" / demo_name(*place)).stat().st_size
    except FileNotFoundError:
        return False
    # After a power cut a renamed file may be empty; one kind of file is meant to be.
    return size > 0 or quirk_of(spec, *place) is Quirk.EMPTY


def _lots(numbers: list[int], workers: int) -> list[list[int]]:
    """Return `numbers` in runs that are long enough to be cheap and short enough to keep all workers busy."""
    length = max(1, min(LARGEST_LOT, len(numbers) // (4 * workers)))
    return [numbers[start : start + length] for start in range(0, len(numbers), length)]


def _read(card: Path) -> dict[str, object]:
    try:
        found = json.loads(card.read_bytes())
    except ValueError as error:
        raise DemoRootTaken(f"{card} cannot be read ({error}). Remove it and the set beside it") from error
    return found if isinstance(found, dict) else {}


def _difference(wanted: dict[str, object], found: dict[str, object]) -> str:
    parts = [f"{key}: wanted {wanted[key]}, found {found.get(key)}" for key in wanted if wanted[key] != found.get(key)]
    return "; ".join(parts) or f"it says {sorted(found)}"


def _as_json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
