"""Runs on hostile sources, watched from outside: their memory, and whatever they leave where they have no business."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pyarrow.parquet as parquet
from blake3 import blake3
from numpy.typing import NDArray

from tests.faults.bare_prepare import BareJob, run_bare

RUN_SECONDS = 400
"""A run that takes longer hangs: a hundred times what the largest of these takes on a quiet machine."""
HASHED_BYTES = 16 * 1024 * 1024
"""Larger files are compared by size, times and inode only; the sparse ones among them would take minutes."""

Fact = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """How a run ended, the most memory that one of its processes had, and what it changed around its root."""

    code: int
    told: dict[str, Any]
    errors: str
    peak_bytes: int
    changed: list[str]


@dataclass(frozen=True, slots=True)
class Published:
    """What a version holds, read without our code: by path, the squares of the largest size, and the reasons."""

    squares: dict[bytes, NDArray[np.uint8]]
    sources: dict[bytes, str]
    reasons: dict[bytes, str]
    listed: int
    card: str


def watched_run(place: Path, **options: Any) -> Watched:
    """Prepare `place/source` below `place/root`, with `place/home` and `place/tmp` for its own; wait for its end."""
    for name in ("root", "home", "tmp"):
        (place / name).mkdir(exist_ok=True)
    before = snapshot(place, without=b"root")
    job = BareJob(str(place / "source"), str(place / "root"), max_refused=1.0, **options)
    surroundings = os.environ | {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp")}
    process = run_bare(job, surroundings)
    output, errors, peak = _outlived(process)
    after = snapshot(place, without=b"root")
    changed = sorted(repr(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    told = json.loads(output) if output.startswith("{") else {}
    return Watched(process.returncode, told, errors, peak, changed)


def _outlived(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    deadline, peak = time.monotonic() + RUN_SECONDS, 0
    while True:
        peak = max([peak, *_peaks_below(process.pid)])
        try:
            return *process.communicate(timeout=0.03), peak
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise AssertionError(f"the run was still at work after {RUN_SECONDS} s") from None


def _peaks_below(pid: int) -> Iterator[int]:
    """Yield the most resident memory that each process of a run has had so far, bytes; the kernel keeps count."""
    with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        run = psutil.Process(pid)
        for process in (run, *run.children(recursive=True)):
            status = Path(f"/proc/{process.pid}/status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                yield int(found[1]) * 1024


def snapshot(folder: Path, *, without: bytes = b"") -> dict[bytes, Fact]:
    """Return what tells each thing below `folder` from any other; nothing below its part `without` is looked at."""
    facts: dict[bytes, Fact] = {}
    start = os.fsencode(folder)
    for parent, folders, files in os.walk(start):
        if parent == start and without:
            folders.remove(without)
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            facts[os.path.relpath(path, start)] = _fact(path)
    return facts


def _fact(path: bytes) -> Fact:
    found = os.lstat(path)
    content = ""
    if stat.S_ISLNK(found.st_mode):
        content = str(Path(os.fsdecode(path)).readlink())
    elif stat.S_ISREG(found.st_mode) and found.st_size <= HASHED_BYTES:
        with open(path, "rb") as file:
            content = blake3(file.read()).hexdigest()
    return found.st_mode, found.st_size, found.st_mtime_ns, found.st_ino, found.st_nlink, content


def listed_below(source: Path) -> set[bytes]:
    """Return the paths that a run should list, as docs/refusals.md has it: every input but hidden ones."""
    found: set[bytes] = set()
    start = os.fsencode(source)
    for parent, folders, files in os.walk(start):
        folders[:] = [name for name in folders if not name.startswith(b".")]
        if parent == start:
            continue
        inputs = [name for name in files if not name.startswith(b".")]
        inputs += [name for name in folders if _is_an_input(os.path.join(parent, name))]
        folders[:] = [name for name in folders if name not in inputs]
        found |= {os.path.relpath(os.path.join(parent, name), start) for name in inputs}
    return found


def _is_an_input(folder: bytes) -> bool:
    return Path(os.fsdecode(folder)).is_symlink() or folder.lower().endswith((b".jpeg", b".jpg", b".png"))


def published(root: Path) -> Published:
    """Read the newest version of the dataset `demo` by json, pyarrow and h5py alone."""
    folder = root / "demo"
    version = json.loads(max(folder.glob("versions/*.json")).read_bytes())["body"]
    objects = folder / "objects"
    table = parquet.read_table(objects / version["table"]["name"])
    names = [path_of(name) for name in table["name"].to_pylist()]
    with h5py.File(objects / version["views"][0]["name"]) as view:
        images = np.asarray(view["images"])
    with (objects / version["report"]["name"]).open(newline="", encoding="utf-8") as report:
        reasons = {path_of(row["name"]): row["reason"] for row in csv.DictReader(report)}
    return Published(
        dict(zip(names, images, strict=True)),
        dict(zip(names, table["source"].to_pylist(), strict=True)),
        reasons,
        version["listed"],
        (objects / version["card"]["name"]).read_text(encoding="utf-8"),
    )


def path_of(name: str) -> bytes:
    """Return the path that a name stands for, as docs/formats.md says."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
