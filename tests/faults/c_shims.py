"""Compiles the C shims of this folder, which stand between a run and the kernel (LD_PRELOAD)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def compiled_shim(name: str) -> Path:
    """Return the shared library made of `<name>.c`, compiled anew only when the source changed."""
    source = HERE / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    library = Path(tempfile.gettempdir()) / f"imagemill-{os.getuid()}-{name}-{digest}.so"
    if not library.exists():
        if shutil.which("cc") is None:
            pytest.fail("the fault tests stand between a run and the kernel with a shim in C: install a compiler (cc)")
        partial = library.with_suffix(f".{os.getpid()}")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", partial, source, "-ldl", "-lpthread"],
            check=True,
        )
        partial.replace(library)
    return library


def preloaded(*names: str, **variables: str) -> dict[str, str]:
    """Return an environment in which every process runs behind the shims `names`."""
    return os.environ | {"LD_PRELOAD": ":".join(str(compiled_shim(name)) for name in names)} | variables
