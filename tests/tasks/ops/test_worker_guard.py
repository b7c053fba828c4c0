"""What stands between one bad image and a worker, in processes of their own that really die."""

from __future__ import annotations

import os
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tasks.ops.worker_guard import JournalGuard, blamed_position
from tests.oracles.conversions import encoded

REPOSITORY = Path(__file__).parents[3]


def journal_of(path: Path) -> tuple[int, int]:
    """Return position and process, read without our code."""
    position, process = struct.unpack("<qq", path.read_bytes())
    return position, process


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def silenced_alarm() -> Iterator[None]:
    """Let no alarm that a test left behind end pytest."""
    yield
    signal.alarm(0)


@pytest.mark.usefixtures("silenced_alarm")
class TestJournal:
    """The journal, as another process finds it."""

    def test_it_names_the_input_only_while_that_is_being_decoded(self, tmp_path: Path):
        path = tmp_path / "journal"
        guard = JournalGuard(path)
        assert journal_of(path) == (-1, os.getpid())
        with guard.decoding(7):
            assert journal_of(path) == (7, os.getpid())
            assert blamed_position(path) == 7
        assert journal_of(path) == (-1, os.getpid())
        assert blamed_position(path) is None

    def test_an_error_in_the_decoding_ends_the_blame_and_the_alarm(self, tmp_path: Path):
        guard = JournalGuard(tmp_path / "journal", seconds=30)
        with pytest.raises(RuntimeError, match="bug"), guard.decoding(0):
            raise RuntimeError("bug")
        assert blamed_position(tmp_path / "journal") is None
        assert signal.alarm(0) == 0

    def test_an_alarm_stands_only_while_something_is_being_decoded(self, tmp_path: Path):
        with JournalGuard(tmp_path / "journal", seconds=30).decoding(0):
            assert 29 <= signal.alarm(30) <= 30
        assert signal.alarm(0) == 0

    def test_a_new_worker_starts_with_a_clean_slate(self, tmp_path: Path):
        path = tmp_path / "journal"
        path.write_bytes(struct.pack("<qq", 5, 1))
        JournalGuard(path)
        assert blamed_position(path) is None

    @pytest.mark.parametrize("content", [None, b"", b"\0" * 7])
    def test_a_journal_that_was_never_finished_blames_nobody(self, tmp_path: Path, content: bytes | None):
        if content is not None:
            (tmp_path / "journal").write_bytes(content)
        assert blamed_position(tmp_path / "journal") is None

    def test_the_first_input_can_be_blamed_too(self, tmp_path: Path):
        (tmp_path / "journal").write_bytes(struct.pack("<qq", 0, 1))
        assert blamed_position(tmp_path / "journal") == 0


def test_a_hang_in_a_library_is_ended_by_the_kernel_and_the_input_is_blamed(tmp_path: Path):
    code = (
        "import hashlib, sys\n"
        "from pathlib import Path\n"
        "from tasks.ops.worker_guard import JournalGuard\n"
        "with JournalGuard(Path(sys.argv[1]), seconds=1).decoding(3):\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 2**30)\n"
    )
    started = time.monotonic()
    ended = run_python(code, tmp_path / "journal")
    assert ended.returncode == -signal.SIGALRM
    assert time.monotonic() - started < 20
    assert blamed_position(tmp_path / "journal") == 3


def test_a_worker_whose_run_died_before_it_began_ends_at_once():
    code = "from tasks.ops.worker_guard import limit_worker\nlimit_worker(1 << 30)\nprint('at work')"
    ended = run_python(code)
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_death_of_any_kind_leaves_the_blame_behind(tmp_path: Path, number: signal.Signals):
    code = (
        "import os, resource, sys\n"
        "from pathlib import Path\n"
        "from tasks.ops.worker_guard import JournalGuard\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "with JournalGuard(Path(sys.argv[1])).decoding(4):\n"
        "    os.kill(os.getpid(), int(sys.argv[2]))\n"
    )
    assert run_python(code, tmp_path / "journal", int(number)).returncode == -number
    assert blamed_position(tmp_path / "journal") == 4


def test_an_image_beyond_the_memory_of_a_worker_is_refused_and_the_next_one_is_decoded(tmp_path: Path):
    (tmp_path / "vast.png").write_bytes(encoded(Image.new("L", (7000, 7000), 128), "PNG", compress_level=1))
    (tmp_path / "small.png").write_bytes(encoded(Image.new("L", (7, 7), 128), "PNG"))
    code = (
        "import os, resource, sys\n"
        "from pathlib import Path\n"
        "from tasks.ops.decode import DecodeLimits, decode_rgb\n"
        "from tasks.ops.worker_guard import limit_worker\n"
        "used = next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmData'))\n"
        "ceiling = used * 1024 + 40_000_000\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (ceiling, ceiling))\n"
        "limit_worker(os.getppid())\n"
        "for path in sys.argv[1:]:\n"
        "    answer = decode_rgb(Path(path).read_bytes(), DecodeLimits())\n"
        "    print(getattr(answer, 'reason', None) or answer.size)\n"
    )
    ended = run_python(code, tmp_path / "small.png", tmp_path / "vast.png", tmp_path / "small.png")
    assert ended.stdout.splitlines() == ["(7, 7)", "too-much-memory", "(7, 7)"], ended.stderr
    assert ended.returncode == 0


def test_a_worker_gets_three_gigabytes_or_the_lower_limit_of_the_machine_and_leaves_ctrl_c_to_the_run():
    code = (
        "import os, resource, signal\n"
        "from tasks.ops.worker_guard import limit_worker\n"
        "limit_worker(os.getppid())\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0], signal.getsignal(signal.SIGINT) == signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))\n"
        "limit_worker(os.getppid())\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0])\n"
    )
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    expected = 3 * 2**30 if hard == resource.RLIM_INFINITY else min(3 * 2**30, hard)
    assert run_python(code).stdout.split() == [str(expected), "True", str(2**30)]


def test_a_worker_ends_in_the_middle_of_an_image_when_its_run_is_killed(tmp_path: Path):
    child = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from tasks.ops.worker_guard import JournalGuard, limit_worker\n"
        "limit_worker(os.getppid())\n"
        "with JournalGuard(Path(sys.argv[1])).decoding(0):\n"
        "    time.sleep(50)\n"
    )
    parent = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', *sys.argv[1:]])\n"
    journal = tmp_path / "journal"
    run = subprocess.Popen([sys.executable, "-c", parent, child, str(journal)], cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + 30
        while blamed_position(journal) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        worker = psutil.Process(journal_of(journal)[1])
    finally:
        run.kill()
        run.wait()
    deadline = time.monotonic() + 10
    while is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(worker)


def is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: in a container nobody may be there to bury it."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
