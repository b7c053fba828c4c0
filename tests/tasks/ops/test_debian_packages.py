"""Packages are downloaded and unpacked into one tree, or it is said why not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.ops.debian_packages import NotFetched, unpack_packages


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of real packages `one` and `other`, from which `apt-get download` copies; no other is known."""
    folder = tmp_path / "archive"
    for name in ("one", "other"):
        tree = tmp_path / name
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/share").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: 1\nArchitecture: all\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: test\n"
        )
        (tree / f"usr/share/{name}.txt").write_text(name)
        folder.mkdir(exist_ok=True)
        command = ["dpkg-deb", "-Znone", "--build", str(tree), str(folder / f"{name}_1_all.deb")]
        subprocess.run(command, check=True, capture_output=True)
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\ntest "$1" = download && shift || exit 9\nfor name; do\n'
        f'if ! cp {folder}/"$name"_1_all.deb . 2>/dev/null; then\n'
        'echo "E: Unable to locate package $name" >&2; exit 100; fi\n'
        "done\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return folder


def test_packages_are_unpacked_into_one_tree(archive: Path, tmp_path: Path):
    place = tmp_path / "place"
    place.mkdir()
    tree = unpack_packages(["one", "other"], place)
    files = {path.relative_to(tree).as_posix(): path.read_text() for path in tree.rglob("*") if path.is_file()}
    assert files == {"usr/share/one.txt": "one", "usr/share/other.txt": "other"}


def test_an_unknown_package_is_told_in_apts_words(archive: Path, tmp_path: Path):
    with pytest.raises(NotFetched, match=r"^E: Unable to locate package absent$"):
        unpack_packages(["one", "absent"], tmp_path)


def test_a_package_that_is_none_is_told_in_dpkgs_words(archive: Path, tmp_path: Path):
    (archive / "one_1_all.deb").write_bytes(b"no package")
    with pytest.raises(NotFetched, match=r"^dpkg-deb: error: "):
        unpack_packages(["one"], tmp_path)


def test_a_machine_without_apt_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFetched, match="No such file or directory: 'apt-get'"):
        unpack_packages(["one"], tmp_path)
