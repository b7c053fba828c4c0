"""Reads hostile datasets in a process of its own, where every open and every start of a program is looked at.

Takes one task a line on standard input, and tells in one line what came of it.
"""

from __future__ import annotations

import io
import json
import os
import platform
import resource
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray
from typer.main import get_command

from flows.command_line import app
from storage.reading import OpenVersion, open_version
from storage.tiers import Tiers

CANARY = b"CANARY"
"""Stands in every file outside of the dataset that an attack leads to."""
MEMORY_BYTES = 3 * 1024**3
"""A dataset of a dozen small pictures may claim what it likes; nobody has to believe it."""

REPOSITORY = Path(__file__).parents[2]
_SYSTEM = ("/proc", "/sys", "/dev/null", "/dev/urandom", "/etc/localtime", "/usr/share/zoneinfo", "/usr/lib", "/lib")
_READABLE = (*_SYSTEM, sys.prefix, sys.base_prefix, str(REPOSITORY), str(Path.cwd()))
_CODE_RUNS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty")
_NEVER = ("socket.connect", "socket.bind", "socket.getaddrinfo", "ctypes.dlopen", "urllib.Request")
_OF_WORKERS = ("joblib", "storage", "tasks", "builtins", "pathlib")
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Warden:
    """Notes whatever happens outside of the folders of the task at hand."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._folders: tuple[str, ...] = ()
        self._sources: tuple[str, ...] = ()
        self._may_start_workers = False
        self._at_work = False

    def admit(self, *folders: str, source: str, workers: bool) -> None:
        """Let the next action read and write `folders`, read `source`, and start processes only with `workers`."""
        self.violations = []
        self._folders = tuple(map(os.path.realpath, folders))
        self._sources = (os.path.realpath(source),)
        self._may_start_workers = workers

    def dismiss(self) -> None:
        """Look at nothing until the next action."""
        self._folders = ()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._at_work or not self._folders:
            return
        self._at_work = True
        try:
            if not self._is_allowed(event, arguments):
                subject = os.path.realpath(arguments[0]) if event in ("open", *_CHANGES) else repr(arguments)
                self.violations.append(f"{event} {subject:.300}")
        finally:
            self._at_work = False

    def _is_allowed(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & _WRITING if isinstance(flags, int) else set(mode or "r") & set("wax+")
            others = ("/dev/null",) if writes else (*_READABLE, *self._sources)
            if isinstance(flags, int) and flags & os.O_NOFOLLOW and isinstance(path, str | bytes):
                # Where the name is a link, the kernel refuses, and nothing is opened.
                return self._is_below(_named(path), *others)
            return self._covers(path, *others)
        if event in ("os.listdir", "os.scandir"):
            return self._covers(arguments[0], *_READABLE, *self._sources)
        if event in _CHANGES:
            return all(self._is_below(_named(path)) for path in arguments[:2] if isinstance(path, str | bytes))
        if event in _CODE_RUNS:
            return self._may_start_workers and event != "os.system"
        if event == "pickle.find_class":
            # What workers send back; it never comes from a file.
            return self._may_start_workers and arguments[0].split(".")[0] in _OF_WORKERS
        return event not in _NEVER

    def _covers(self, path: object, *others: str) -> bool:
        # A descriptor was opened before, and what is relative to one cannot be told from here.
        if not isinstance(path, str | bytes | os.PathLike) or not os.path.isabs(path):
            return True
        return self._is_below(os.path.realpath(os.fsdecode(path)), *others)

    def _is_below(self, path: str, *others: str) -> bool:
        folders = (*self._folders, *others)
        return not os.path.isabs(path) or any(path == folder or path.startswith(folder + "/") for folder in folders)


def _named(path: str | bytes) -> str:
    """Return `path` with its folder resolved and its last part not: that of a link is the link's own name."""
    folder, name = os.path.split(os.fsdecode(path))
    return os.path.join(os.path.realpath(folder), name) if folder else name


def read_all(root: Path, *, check: bool) -> dict[str, Any]:
    """Read every row and column of the dataset `demo`; return a digest of them, and if a canary was among them."""
    with open_version(Tiers(root, root), "demo", access="sequential", check=check) as version:
        parts: list[bytes] = [array.tobytes() for array in _columns(version)]
        rows = range(len(version.labels))
        texts = [*version.classes, *map(version.path, rows), *map(version.source, rows)]
        parts += [text.encode("utf-8", "surrogatepass") for text in texts]
        parts += [version.rows(side)[:].tobytes() for side in version.sides]
        parts += [version.rows(side)[[0, -1]].tobytes() for side in version.sides]
    content = b"|".join(parts)
    return {"digest": blake3(content).hexdigest(), "leaks": CANARY in content}


def _columns(version: OpenVersion) -> tuple[NDArray[np.generic], ...]:
    return version.labels, version.ids, version.splits


# Putting the command line together takes five times as long as most commands do on a dozen pictures.
_command_line = cache(get_command)


def invoked(*arguments: str) -> dict[str, Any]:
    """Run one command of ours in this process; return its exit code and all that it printed."""
    printed, code = io.BytesIO(), None
    with io.TextIOWrapper(printed, encoding="utf-8", write_through=True) as terminal:
        try:
            with redirect_stdout(terminal), redirect_stderr(terminal):
                _command_line(app).main(list(arguments), prog_name="imagemill")
        except SystemExit as ended:
            code = ended.code
        return {"exit": code, "output": printed.getvalue().decode()}


ACTIONS: dict[str, Callable[[str, str, str], dict[str, Any]]] = {
    "open": lambda root, out, source: read_all(Path(root), check=True),
    "unchecked": lambda root, out, source: read_all(Path(root), check=False),
    "status": lambda root, out, source: invoked("status", "--slow", root),
    "show": lambda root, out, source: invoked("show", "demo", "--slow", root, "-o", f"{out}/sheet.png"),
    "verify": lambda root, out, source: invoked("verify", "demo", "--slow", root),
    "stage": lambda root, out, source: invoked("stage", "demo", "--slow", root, "--fast", f"{out}/fast"),
    "gc": lambda root, out, source: invoked("gc", "demo", "--slow", root, "--grace", "0m", "--apply"),
    "repair": lambda root, out, source: invoked("repair", "demo", "--slow", root, "--workers", "1", "--source", source),
}


def act(warden: Warden, task: dict[str, str]) -> dict[str, Any]:
    """Do one task; tell what came of it."""
    action, root, out, source = (task[name] for name in ("action", "root", "out", "source"))
    before = memory_now()
    warden.admit(root, out, source=source, workers=action == "repair")
    try:
        told = ACTIONS[action](root, out, source)
    except Exception as error:
        family = [kind.__name__ for kind in type(error).__mro__]
        told = {"error": family[0], "family": family, "message": str(error)}
    warden.dismiss()
    return {"violations": sorted(set(warden.violations)), "grown": memory_at_most() - before, **told}


def memory_now() -> int:
    """Forget the peak of this process's resident memory; return what it has now, bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_at_most()


def memory_at_most() -> int:
    """Return the peak of this process's resident memory since it was forgotten, bytes (proc(5))."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def import_readers() -> None:
    """Import what asks other programs about this machine when it is imported: bcolz asks git for its own version."""
    import_module("storage.bcolz_format")
    import_module("storage.hdf5_format")
    platform.processor()


def main() -> None:
    """Serve tasks until the input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    import_readers()
    # What is imported later would be compiled and written then, which no reader may do.
    sys.dont_write_bytecode = True
    warden = Warden()
    sys.addaudithook(warden)
    for line in sys.stdin:
        task = json.loads(line)
        print(json.dumps(act(warden, task)), flush=True)


if __name__ == "__main__":
    main()
