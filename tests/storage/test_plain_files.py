"""What should be a plain file of a dataset is opened only if it is one, and read only if it is of sensible size."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import DamagedDataset
from storage.json_text import NotDecoded, decoded
from storage.plain_files import open_file, read_file, require_file, require_folder, strays_below


def a_link(path: Path) -> None:
    path.with_name("target").write_bytes(b"secret")
    path.symlink_to(path.with_name("target"))


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


STANDS: dict[str, Callable[[Path], None]] = {
    "a symbolic link": a_link,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": a_socket,
}


@pytest.mark.parametrize("kind", STANDS)
@pytest.mark.parametrize("use", [require_file, open_file, read_file])
def test_what_is_no_plain_file_is_named_and_not_opened(
    tmp_path: Path, kind: str, use: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
):
    # The path of a socket must be short.
    monkeypatch.chdir(tmp_path)
    STANDS[kind](Path("it"))
    with pytest.raises(DamagedDataset, match=f"it is {kind}, which imagemill never makes there"):
        use(Path("it"))


def test_a_device_is_no_plain_file():
    with pytest.raises(DamagedDataset, match="/dev/null is a device"):
        read_file(Path("/dev/null"))


def test_a_plain_file_is_read_and_one_that_is_missing_is_missing(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"content")
    assert read_file(tmp_path / "a") == b"content"
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "b")


def test_a_file_of_a_terabyte_is_refused_before_it_is_read(tmp_path: Path):
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 10**12)
    with pytest.raises(DamagedDataset, match="a has 1000000000000 bytes, more than imagemill puts there"):
        read_file(tmp_path / "a")


def test_a_link_to_a_folder_is_no_folder(tmp_path: Path):
    require_folder(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(DamagedDataset, match="link is a symbolic link"):
        require_folder(tmp_path / "link")


def test_strays_are_found_at_any_depth_and_links_are_not_followed(tmp_path: Path):
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    assert list(strays_below(tmp_path)) == []
    (deep / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "a" / "pipe")
    assert sorted(strays_below(tmp_path)) == [deep / "link", tmp_path / "a" / "pipe"]


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b'"text"', b"[" * 100_000, b"1e400", b"null"])
def test_what_is_no_json_of_the_type_is_refused_with_one_kind_of_error(content: bytes):
    with pytest.raises(NotDecoded):
        decoded(content, dict[str, int])
