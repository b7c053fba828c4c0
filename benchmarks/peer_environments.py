"""Environments of their own for what users pick instead, in build/, with plain Pillow, made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.provenance import ROOT

PEERS = (
    "pillow==12.1.1",
    "bcolz-zipline==1.13.0",
    "datasets",
    "h5py",
    "litdata",
    "numpy",
    "webdataset",
    "zarr",
)
"""Beside torch and torchvision, which come as for ourselves."""
MOSAICML = ("pillow==12.1.1", "h5py", "mosaicml-streaming==0.13.0")
IMG2DATASET = ("pillow==12.1.1", "img2dataset==1.47.0")
"""These want versions of numpy and others that the rest does not."""
TORCH = ["--constraint", str(ROOT / "requirements-torch.lock")]


def peers_python() -> Path:
    """Return the interpreter of the environment of most peers."""
    return _made("peers", [[*TORCH, "torch"], [*TORCH, "--no-deps", "torchvision"], [*PEERS]])


def mosaicml_python() -> Path:
    """Return the interpreter of mosaicml-streaming's environment."""
    return _made("peer-mosaicml", [[*TORCH, "torch"], [*TORCH, "--no-deps", "torchvision"], [*MOSAICML]])


def img2dataset_python() -> Path:
    """Return the interpreter of img2dataset's environment."""
    return _made("peer-img2dataset", [[*IMG2DATASET]])


def version_in(python: Path, package: str) -> str:
    """Return the version of a package in another environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _made(name: str, installs: list[list[str]]) -> Path:
    environment = ROOT / "build" / name
    python, stamp = environment / "bin" / "python", environment / "packages.txt"
    wanted = "\n".join(" ".join(packages) for packages in installs)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing the peers into {environment}, which takes minutes", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        for packages in installs:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.write_text(wanted)
    return python
