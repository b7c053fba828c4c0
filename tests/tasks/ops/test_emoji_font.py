"""The font is found where it is, fetched where it is not, and named where neither works."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tasks.ops.emoji_font import FONT_FILE, PACKAGE, EmojiFontMissing, find_emoji_font


@pytest.fixture
def font() -> Path:
    return find_emoji_font()


@pytest.fixture
def no_fonts(tmp_path: Path) -> Path:
    folder = tmp_path / "no-fonts"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def package_with(font: Path, folder: Path, *, name: str = FONT_FILE) -> Path:
    """Build a real Debian package that holds `font` under `name`."""
    tree = folder / "package"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/share/fonts/truetype/noto").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {PACKAGE}\nVersion: 1\nArchitecture: all\n"
        "Maintainer: Nobody <nobody@example.org>\nDescription: test\n"
    )
    shutil.copy(font, tree / "usr/share/fonts/truetype/noto" / name)
    archive = folder / f"{PACKAGE}_1_all.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--build", str(tree), str(archive)], check=True, capture_output=True)
    return archive


def first_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_given_path_wins(font: Path, tmp_path: Path, no_fonts: Path):
    mine = tmp_path / "mine.ttf"
    mine.symlink_to(font)
    assert find_emoji_font(mine, system_fonts=no_fonts, cache=tmp_path) == mine


def test_a_given_path_without_a_file_is_an_error_that_names_the_package(tmp_path: Path):
    with pytest.raises(EmojiFontMissing, match=rf"there is no font file .*apt-get install {PACKAGE}.*path of a"):
        find_emoji_font(tmp_path / "absent.ttf")


def test_a_given_path_to_something_else_is_an_error(tmp_path: Path):
    other = tmp_path / FONT_FILE
    other.write_text("not a font")
    with pytest.raises(EmojiFontMissing, match="is not Noto Color Emoji"):
        find_emoji_font(other)


def test_the_systems_font_is_found_at_any_depth(font: Path, tmp_path: Path):
    folder = tmp_path / "fonts/google/noto"
    folder.mkdir(parents=True)
    (folder / FONT_FILE).symlink_to(font)
    assert find_emoji_font(system_fonts=tmp_path / "fonts", cache=tmp_path) == folder / FONT_FILE


def test_the_cached_font_is_used_without_fetching(font: Path, tmp_path: Path, no_fonts: Path, monkeypatch):
    program(tmp_path / "bin", "apt-get", f"touch {tmp_path}/was-called; exit 1")
    first_on_path(tmp_path / "bin", monkeypatch)
    cached = tmp_path / "cache/fonts" / FONT_FILE
    cached.parent.mkdir(parents=True)
    shutil.copy(font, cached)
    assert find_emoji_font(system_fonts=no_fonts, cache=tmp_path / "cache") == cached
    assert not (tmp_path / "was-called").exists()


def test_a_damaged_cached_font_is_fetched_again(font: Path, tmp_path: Path, no_fonts: Path, monkeypatch):
    archive = package_with(font, tmp_path)
    program(tmp_path / "bin", "apt-get", f'test "$1 $2" = "download {PACKAGE}" && cp {archive} .')
    first_on_path(tmp_path / "bin", monkeypatch)
    cached = tmp_path / "cache/fonts" / FONT_FILE
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a font")
    assert find_emoji_font(system_fonts=no_fonts, cache=tmp_path / "cache") == cached
    assert cached.read_bytes() == font.read_bytes()
    assert [path.name for path in cached.parent.iterdir()] == [FONT_FILE]


def test_a_failed_download_tells_what_apt_said_and_leaves_nothing(tmp_path: Path, no_fonts: Path, monkeypatch):
    program(tmp_path / "bin", "apt-get", "echo 'E: Unable to locate package' >&2; exit 100")
    first_on_path(tmp_path / "bin", monkeypatch)
    with pytest.raises(EmojiFontMissing, match=rf"E: Unable to locate package.*apt-get install {PACKAGE}"):
        find_emoji_font(system_fonts=no_fonts, cache=tmp_path / "cache")
    assert list((tmp_path / "cache/fonts").iterdir()) == []


def test_a_machine_without_apt_gets_the_same_remedies(tmp_path: Path, no_fonts: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmojiFontMissing, match=f"No such file.*{PACKAGE}.*path of a {FONT_FILE}"):
        find_emoji_font(system_fonts=no_fonts, cache=tmp_path / "cache")


def test_a_package_without_the_font_is_an_error(font: Path, tmp_path: Path, no_fonts: Path, monkeypatch):
    archive = package_with(font, tmp_path, name="Other.ttf")
    program(tmp_path / "bin", "apt-get", f"cp {archive} .")
    first_on_path(tmp_path / "bin", monkeypatch)
    with pytest.raises(EmojiFontMissing, match="did not hold what was expected"):
        find_emoji_font(system_fonts=no_fonts, cache=tmp_path / "cache")


@pytest.mark.slow  # asks Debian's archive
def test_debians_own_package_can_be_fetched_without_root(tmp_path: Path, no_fonts: Path):
    assert find_emoji_font(system_fonts=no_fonts, cache=tmp_path).read_bytes()[:4] == b"\x00\x01\x00\x00"
