"""What `doctor` looks at: is this machine fit for the work, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from PIL import features

from storage.array_formats import array_format, known_formats
from storage.tiers import Tiers
from tasks.ops.emoji_font import PACKAGE, installed_emoji_font
from tasks.ops.pixel_libraries import pillow_distribution
from tasks.ops.resize_speed import resize_speeds

SIMD_TIMES = 2.0
"""Plain Pillow measures about 1 here and SIMD 4 to 6; halfway is certain enough on a noisy machine."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do where it is lacking."""

    subject: str
    state: Literal["good", "note", "lacking"]
    text: str
    remedy: str = ""


def machine_findings(tiers: Tiers | None) -> list[Finding]:
    """Look at everything; no check ends the others."""
    return [
        python_finding(),
        simd_finding(),
        decoder_finding(),
        formats_finding(),
        font_finding(),
        wordnet_finding(),
        gpu_finding(),
        prefect_finding(),
        *disk_findings(tiers),
    ]


def python_finding() -> Finding:
    """Tell which Python runs, and on how many cores."""
    number = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", "good", f"{number}, {len(os.sched_getaffinity(0))} cores")


def simd_finding() -> Finding:
    """Time a resize: the version string alone would not tell which instructions were compiled in."""
    name, number = pillow_distribution()
    speeds = resize_speeds()
    figures = ", ".join(
        f"{speed.interpolation} {speed.cpu_ms:.2f} ms ({speed.times_plain:.1f} × plain Pillow)" for speed in speeds
    )
    text = f"{name} {number}: 500×375 to 224, {figures}"
    if min(speed.times_plain for speed in speeds) >= SIMD_TIMES:
        return Finding("SIMD Pillow", "good", text)
    return Finding("SIMD Pillow", "lacking", text, "run `make demo` again; it builds pillow-simd for this processor")


def decoder_finding() -> Finding:
    """Tell which JPEG decoders are in use."""
    pillow = features.version("libjpeg_turbo")
    text = f"simplejpeg {version('simplejpeg')}; Pillow's libjpeg-turbo {pillow or 'is missing'}"
    if pillow:
        return Finding("JPEG decoder", "good", text)
    return Finding("JPEG decoder", "lacking", text, "install libjpeg62-turbo-dev and build pillow-simd again")


def formats_finding() -> Finding:
    """Import every array format, since a broken library shows only then."""
    names = [array_format(name).name for name in known_formats()]
    return Finding(
        "array formats", "good", f"{', '.join(names)}; h5py {version('h5py')}, bcolz {version('bcolz-zipline')}"
    )


def font_finding() -> Finding:
    """Tell where the demonstration set's drawings come from."""
    font = installed_emoji_font()
    if font:
        return Finding("emoji font", "good", str(font))
    remedy = f"make demo fetches it; or: apt-get install {PACKAGE}"
    return Finding("emoji font", "note", "not here; only the demonstration set needs it", remedy)


def wordnet_finding() -> Finding:
    """Tell whether Debian's WordNet is installed; word maps will need it or NLTK's."""
    path = Path("/usr/share/wordnet/data.noun")
    if path.is_file():
        return Finding("WordNet", "good", str(path))
    return Finding("WordNet", "note", "not here; arrays do not need it", "apt-get install wordnet-base")


def gpu_finding() -> Finding:
    """Tell which NVIDIA devices the kernel shows; preparing data needs none."""
    devices = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    return Finding("GPU", "note", ", ".join(devices) or "none; arrays do not need one")


def prefect_finding() -> Finding:
    """Tell which Prefect server a flow would talk to."""
    address = os.environ.get("PREFECT_API_URL")
    text = address or "a temporary server for each command"
    return Finding("Prefect", "good", f"{version('prefect')}, {text}")


def disk_findings(tiers: Tiers | None) -> list[Finding]:
    """Tell of each root how much is free, and whether its disk turns."""
    if tiers is None:
        return [Finding("disks", "note", "no roots given", "imagemill doctor --slow DIR --fast DIR")]
    roots = {"slow root": tiers.slow, "fast root": tiers.fast}
    return [_disk_finding(subject, root) for subject, root in roots.items()]


def _disk_finding(subject: str, root: Path) -> Finding:
    try:
        if not root.is_dir():
            return Finding(subject, "lacking", f"{root} is not a folder", f"mkdir -p {root}")
    except PermissionError:
        remedy = f"let user {os.getuid()} enter the folders above it, or choose another"
        return Finding(subject, "lacking", f"{root} cannot be reached", remedy)
    if not os.access(root, os.W_OK):
        return Finding(subject, "lacking", f"{root} cannot be written", f"chown it to {os.getuid()}, or choose another")
    free = shutil.disk_usage(root).free
    return Finding(subject, "good", f"{root}: {free / 1e9:,.1f} GB free, {_disk_kind(root)}")


def _disk_kind(root: Path) -> str:
    """Return what the kernel says of the disk below a folder; a partition's queue is its parent's."""
    device = root.stat().st_dev
    block = Path("/sys/dev/block", f"{os.major(device)}:{os.minor(device)}")
    for folder in (block, block.resolve().parent):
        flag = folder / "queue" / "rotational"
        if flag.is_file():
            return "a turning disk" if flag.read_text().strip() == "1" else "solid state by the kernel's word"
    return "kind unknown (network, memory or overlay)"
