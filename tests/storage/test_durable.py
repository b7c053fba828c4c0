"""Writing so that a name never stands for half a file, and never for two."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from storage.durable import (
    create_durably,
    partial_name,
    remove,
    sync_object,
    write_durably,
)

RACER = """
import sys, time
from pathlib import Path
from storage.durable import create_durably
folder, me = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    if create_durably(folder / str(number), me.encode() * 1000):
        print(number, flush=True)
"""


def test_of_racing_processes_exactly_one_creates_a_file_and_it_is_the_one_that_was_told_so(
    tmp_path: Path, start_python
):
    racers = {str(me): start_python(RACER, tmp_path, me) for me in range(4)}
    for racer in racers.values():
        assert racer.stdout.readline() == "ready\n"
    for racer in racers.values():
        racer.stdin.write("go\n")
        racer.stdin.flush()
    winners = {me: racer.communicate(timeout=60)[0].split() for me, racer in racers.items()}
    assert Counter(number for numbers in winners.values() for number in numbers) == Counter(map(str, range(30)))
    for me, numbers in winners.items():
        for number in numbers:
            assert (tmp_path / number).read_bytes() == me.encode() * 1000
    assert len(list(tmp_path.iterdir())) == 30


def test_create_leaves_an_existing_file_alone(tmp_path: Path):
    assert create_durably(tmp_path / "a", b"first")
    assert not create_durably(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["a"]


def test_write_replaces_the_content_whole(tmp_path: Path):
    write_durably(tmp_path / "a", b"first")
    write_durably(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("write", [write_durably, create_durably])
def test_a_failed_write_leaves_no_partial_file(tmp_path: Path, write):
    (tmp_path / "a").mkdir()
    if write is write_durably:
        with pytest.raises(IsADirectoryError):
            write(tmp_path / "a", b"content")
    else:
        assert not write(tmp_path / "a", b"content")
    with pytest.raises(TypeError):
        write(tmp_path / "b", "text is not bytes")
    assert os.listdir(tmp_path) == ["a"]


def test_the_old_content_survives_a_kill_in_the_middle_of_writing(tmp_path: Path, start_python):
    path = tmp_path / "a"
    path.write_bytes(b"0" * 100_000)
    writer = start_python(
        "import sys\nfrom pathlib import Path\nfrom storage.durable import write_durably\nprint(flush=True)\n"
        "while True:\n  for digit in b'0', b'1': write_durably(Path(sys.argv[1]), digit * 100_000)",
        path,
    )
    writer.stdout.readline()
    contents = set()
    for _ in range(200):
        contents.add(path.read_bytes())
    writer.kill()
    writer.wait()
    contents.add(path.read_bytes())
    assert contents <= {b"0" * 100_000, b"1" * 100_000}


def test_a_partial_name_is_a_sibling_and_never_the_same_twice(tmp_path: Path):
    one, other = partial_name(tmp_path / "a.json"), partial_name(tmp_path / "a.json")
    assert one != other
    assert one.parent == tmp_path
    assert one.name.startswith("a.json.")
    assert one.suffix == ".partial"


def test_a_folder_is_synced_with_all_in_it_and_changed_in_nothing(tmp_path: Path):
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "deep" / "file").write_text("content")
    sync_object(tmp_path / "a")
    sync_object(tmp_path / "a" / "deep" / "file")
    assert (tmp_path / "a" / "deep" / "file").read_text() == "content"
    with pytest.raises(FileNotFoundError):
        sync_object(tmp_path / "nothing")


def test_remove_takes_files_folders_and_nothing_and_does_not_follow_links(tmp_path: Path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("precious")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for name in ("link", "folder", "file", "nothing"):
        remove(tmp_path / name)
    assert os.listdir(tmp_path) == ["kept"]
    assert (kept / "file").read_text() == "precious"
