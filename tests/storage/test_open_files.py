"""Files that rows are read from: not too many are open, none is closed under a reader, none is anything but a file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from storage.errors import DamagedDataset
from storage.open_files import OpenFiles
from tests.storage.descriptors import open_below


def made(folder: Path, count: int) -> list[str]:
    """Make files of 100 bytes, each of its own number."""
    paths = [folder / str(number) for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 100)
    return [str(path) for path in paths]


def read(files: OpenFiles, path: str, offset: int = 0, count: int = 100) -> bytes:
    out = bytearray(count)
    files.read_into(path, offset, memoryview(out))
    return bytes(out)


def test_bytes_come_from_where_they_were_asked_for(tmp_path: Path):
    (tmp_path / "a").write_bytes(bytes(range(100)))
    assert read(OpenFiles(1), str(tmp_path / "a"), offset=30, count=7) == bytes(range(30, 37))


def test_no_more_files_are_open_than_allowed(tmp_path: Path):
    paths, files = made(tmp_path, 9), OpenFiles(3)
    for path in paths * 2:
        assert read(files, path) == bytes([int(Path(path).name)]) * 100
        assert open_below(tmp_path) <= 3
    assert open_below(tmp_path) == 3


def test_a_file_that_is_forgotten_is_closed_and_so_are_those_below_a_folder(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    paths, beside, files = made(tmp_path / "folder", 3), tmp_path / "folder.h5", OpenFiles(9)
    beside.write_bytes(bytes(100))
    for path in (*paths, str(beside)):
        read(files, path)
    files.forget(str(tmp_path / "folder"))
    assert open_below(tmp_path / "folder") - open_below(beside) == 0
    files.forget(str(beside))
    assert open_below(tmp_path) == 0
    assert read(files, paths[1]) == bytes([1]) * 100


@pytest.mark.parametrize(("offset", "count"), [(0, 101), (99, 2), (100, 1), (10**9, 1)])
def test_a_file_that_ends_before_is_damage(tmp_path: Path, offset: int, count: int):
    (path,) = made(tmp_path, 1)
    with pytest.raises(DamagedDataset, match=f"0 ends before the {count} bytes from {offset} on"):
        read(OpenFiles(1), path, offset, count)


def test_what_is_missing_or_no_file_is_damage(tmp_path: Path):
    (path,) = made(tmp_path, 1)
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe")
    for name, told in (("link", "is a symbolic link"), ("pipe", "is a pipe"), ("nothing", "is missing")):
        with pytest.raises(DamagedDataset, match=f"{name} {told}"):
            read(OpenFiles(1), str(tmp_path / name))


def test_threads_that_open_and_close_each_others_files_get_the_bytes_that_they_asked_for(tmp_path: Path):
    paths, files = made(tmp_path, 30), OpenFiles(2)
    wrong: list[str] = []

    def work(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 30, 3000).tolist():
            if read(files, paths[number]) != bytes([number]) * 100:
                wrong.append(paths[number])
            if number == 0:
                files.forget(paths[1])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert open_below(tmp_path) <= 2
