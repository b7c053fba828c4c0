"""Files are read without following links, only as they were listed, and never hold the reader up."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from storage.refused import Reason, Refusal
from tasks.ops.source_files import SourceFolder

REPOSITORY = Path(__file__).parents[3]


def read(root: Path, path: bytes, *, size: int | None = None, mtime_ns: int | None = None, max_bytes: int = 1 << 20):
    """Read with the size and time that the file has now, where none are given."""
    found = (root / os.fsdecode(path)).lstat() if size is None or mtime_ns is None else None
    with SourceFolder(root, max_bytes=max_bytes) as source:
        return source.read(
            path,
            size=found.st_size if size is None and found else size or 0,
            mtime_ns=found.st_mtime_ns if mtime_ns is None and found else mtime_ns or 0,
        )


def refusal(answer: bytes | Refusal) -> tuple[Reason, str]:
    assert isinstance(answer, Refusal), "the file was read"
    return answer.reason, answer.detail


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A source with `cat/deep/1.jpg` of 6 bytes, beside a file and a folder that nobody may reach from it."""
    (tmp_path / "root" / "cat" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "cat" / "deep" / "1.jpg").write_bytes(b"pixels")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "1.jpg").write_bytes(b"secret")
    return tmp_path / "root"


def test_a_file_as_listed_is_read_whole(root: Path):
    assert read(root, b"cat/deep/1.jpg") == b"pixels"


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_001])
def test_every_byte_is_read(root: Path, size: int):
    content = os.urandom(size)
    (root / "a").write_bytes(content)
    assert read(root, b"a") == content


def test_a_name_that_is_no_text_is_read(root: Path):
    (root / os.fsdecode(b"\xff\n")).write_bytes(b"x")
    assert read(root, b"\xff\n") == b"x"


@pytest.mark.parametrize("content", [b"", b"pixel", b"pixels!"])
def test_another_size_is_a_change(root: Path, content: bytes):
    file = root / "cat" / "deep" / "1.jpg"
    before = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(0, before.st_mtime_ns))
    reason, detail = refusal(read(root, b"cat/deep/1.jpg", size=6, mtime_ns=before.st_mtime_ns))
    assert reason is Reason.CHANGED
    assert detail.startswith("listed with 6 bytes, changed at ")
    assert f"; found with {len(content)} bytes, changed at " in detail


def test_another_time_is_a_change_down_to_the_nanosecond(root: Path):
    file = root / "cat" / "deep" / "1.jpg"
    os.utime(file, ns=(0, 1_600_000_000_000_000_001))
    assert read(root, b"cat/deep/1.jpg", size=6, mtime_ns=1_600_000_000_000_000_001) == b"pixels"
    answer = read(root, b"cat/deep/1.jpg", size=6, mtime_ns=1_600_000_000_000_000_002)
    assert refusal(answer)[0] is Reason.CHANGED


def test_a_file_that_grows_while_it_is_read_is_never_taken(root: Path):
    growing = root / "growing"
    growing.write_bytes(bytes(1 << 20))
    done = threading.Event()

    def grow() -> None:
        with growing.open("ab", buffering=0) as file:
            while not done.is_set():
                file.write(b"x")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        answers = []
        deadline = time.monotonic() + 60
        # A busy machine may not let the writer write for a while.
        while not any(isinstance(answer, Refusal) for answer in answers) and time.monotonic() < deadline:
            answers = [read(root, b"growing", max_bytes=1 << 30) for _ in range(50)]
    finally:
        done.set()
        writer.join()
    for answer in answers:
        assert not isinstance(answer, Refusal) or answer.reason is Reason.CHANGED
    assert any(isinstance(answer, Refusal) for answer in answers)


@pytest.mark.parametrize("path", [b"cat/deep/2.jpg", b"dog/deep/1.jpg"])
def test_what_is_gone_is_missing(root: Path, path: bytes):
    assert refusal(read(root, path, size=1, mtime_ns=1))[0] is Reason.MISSING


def test_a_folder_that_became_a_file_is_not_a_regular_file(root: Path):
    assert refusal(read(root, b"cat/deep/1.jpg/more", size=1, mtime_ns=1))[0] is Reason.NOT_A_REGULAR_FILE


def test_a_link_in_the_place_of_the_file_is_not_followed(root: Path):
    (root / "cat" / "link.jpg").symlink_to(root.parent / "secret")
    reason, detail = refusal(read(root, b"cat/link.jpg"))
    assert (reason, detail[0]) == (Reason.NOT_A_REGULAR_FILE, "l")


@pytest.mark.parametrize("folder", ["cat", "cat/deep"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(root: Path, folder: str):
    outside = root.parent / "secrets"
    (outside / "deep").mkdir()
    (outside / "deep" / "1.jpg").write_bytes(b"secret")
    (root / folder).rename(root.parent / "moved")
    (root / folder).symlink_to(outside)
    found = (root / "cat" / "deep" / "1.jpg").stat()
    answer = read(root, b"cat/deep/1.jpg", size=6, mtime_ns=found.st_mtime_ns)
    assert refusal(answer)[0] is Reason.NOT_A_REGULAR_FILE


def test_a_folder_a_pipe_and_a_device_are_no_regular_files_and_do_not_block(root: Path):
    (root / "folder.jpg").mkdir()
    os.mkfifo(root / "pipe.jpg")
    started = time.monotonic()
    assert refusal(read(root, b"folder.jpg")) == (Reason.NOT_A_REGULAR_FILE, "drwxr-xr-x")
    assert refusal(read(root, b"pipe.jpg")) == (Reason.NOT_A_REGULAR_FILE, "prw-r--r--")
    assert refusal(read(Path("/dev"), b"zero"))[0] is Reason.NOT_A_REGULAR_FILE
    assert time.monotonic() - started < 5


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(root: Path):
    with (root / "vast.jpg").open("wb") as file:
        file.truncate(1 << 40)
    assert refusal(read(root, b"vast.jpg", max_bytes=1000)) == (
        Reason.TOO_MANY_BYTES,
        f"{1 << 40} bytes, the limit is 1000",
    )
    assert read(root, b"cat/deep/1.jpg", max_bytes=6) == b"pixels"


@pytest.mark.parametrize("locked", ["cat/deep/1.jpg", "cat/deep"])
def test_a_file_that_may_not_be_read_is_unreadable(root: Path, locked: str):
    file = root / "cat" / "deep" / "1.jpg"
    found = file.stat()
    (root / locked).chmod(0)
    # Permissions do not hold root back, so another user reads, after the source was opened: above it are folders
    # of one user only.
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tasks.ops.source_files import SourceFolder\n"
        "with SourceFolder(Path(sys.argv[1]), max_bytes=100) as source:\n"
        "    if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "    answer = source.read(b'cat/deep/1.jpg', size=6, mtime_ns=int(sys.argv[2]))\n"
        "print(answer.reason, answer.detail)\n"
    )
    arguments = [sys.executable, "-c", code, str(root), str(found.st_mtime_ns)]
    answer = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    (root / locked).chmod(0o755)
    assert (answer.stdout, answer.stderr) == ("unreadable Permission denied\n", "")


def test_an_error_of_the_disk_is_tried_again_and_then_ends_the_run():
    # The kernel answers every read at address 0 of a process with EIO, from what looks like a regular file.
    found = Path("/proc/self/mem").stat()
    started = time.monotonic()
    with pytest.raises(OSError, match="Input/output error") as caught:
        read(Path("/proc/self"), b"mem", size=found.st_size, mtime_ns=found.st_mtime_ns)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EIO
    assert time.monotonic() - started > 1


def test_a_root_that_is_gone_is_no_fault_of_an_image(tmp_path: Path):
    with pytest.raises(FileNotFoundError), SourceFolder(tmp_path / "nothing", max_bytes=1):
        pass


def test_no_descriptor_stays_open_whatever_happens(root: Path):
    (root / "link").symlink_to("cat")
    os.mkfifo(root / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for path in (b"cat/deep/1.jpg", b"cat/deep/none", b"link/deep/1.jpg", b"pipe", b"cat/deep", b"none/none"):
        read(root, path, size=6, mtime_ns=1)
    assert len(os.listdir("/proc/self/fd")) == before
