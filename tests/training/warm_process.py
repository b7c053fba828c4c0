"""Runs `python -m training` in processes of their own, forked from one that has imported torch: 0.1 s, not 5 s each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import training

REPOSITORY = Path(training.__path__[0]).parent


class WarmProcess:
    """The process that forks; a context manager. Each run's standard error goes to a file."""

    def __enter__(self) -> WarmProcess:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.training.warm_process"],
            cwd=REPOSITORY,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def start(self, arguments: Sequence[str], *, errors: Path, env: Mapping[str, str] | None = None) -> int:
        """Start the command with these arguments; return the number of its process."""
        return self._ask({"arguments": list(arguments), "errors": str(errors), "env": dict(env or {})})

    def wait(self, process: int) -> int:
        """Return the exit code of a run, or minus the signal that ended it, when it has ended."""
        return self._ask({"wait": process})

    def _ask(self, question: Mapping[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def serve() -> None:
    """Answer each line of standard input with a line."""
    import torch

    from training.__main__ import main

    # It imports half of torch, late.
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            answer = os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1])
        elif not (answer := os.fork()):
            code = 1
            try:
                os.setpgid(0, 0)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                os.environ.update(question["env"])
                os.dup2(os.open(question["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 2)
                code = main(question["arguments"])
            finally:
                os._exit(code)
        print(answer, flush=True)


if __name__ == "__main__":
    serve()
