"""WordNet is found where it should be, in the order that was promised, and nothing else is taken for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import nltk
import nltk.data
import pytest

from tasks.ops.wordnet_nouns import read_nouns
from tasks.ops.wordnet_source import FILES, PACKAGES, WordNetMissing, find_wordnet
from tests.tasks.ops.wordnet_examples import DEBIAN, needs_wordnet, write_complete_wordnet

pytestmark = needs_wordnet

REMEDIES = (
    r"Either install Debian's packages \(apt-get install wordnet-base wordnet-sense-index\), or NLTK's copy"
    r" \(python -m nltk\.downloader wordnet\), or configure the path of a folder that has it \(--wordnet\), or"
    r" have either of them downloaded \(--download\)$"
)


@pytest.fixture(autouse=True)
def nothing_in_nltk_data(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nltk.data, "path", [])


@pytest.fixture
def no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def linked(folder: Path, *, without: str | None = None) -> Path:
    """A folder with links to Debian's files, as Debian has them: without lexnames."""
    folder.mkdir(parents=True)
    for name in set(FILES) - {without}:
        (folder / name).symlink_to(DEBIAN / name)
    return folder


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files in one folder, lexnames too. Do not change it."""
    return write_complete_wordnet(tmp_path_factory.mktemp("complete") / "wordnet")


@pytest.fixture(scope="module")
def zipped(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files in a zip as NLTK ships it. Do not change it."""
    path = tmp_path_factory.mktemp("zipped") / "wordnet.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("wordnet")
        for file in complete.iterdir():
            archive.write(file, f"wordnet/{file.name}")
    return path


def test_debians_files_are_copied_and_lexnames_added(tmp_path: Path):
    found = find_wordnet(scratch=tmp_path)
    assert found == tmp_path / "nltk_data" / "corpora" / "wordnet"
    assert {path.name for path in found.iterdir()} == {*FILES, "lexnames"}
    assert all((found / name).read_bytes() == (DEBIAN / name).read_bytes() for name in FILES)
    rows = (found / "lexnames").read_text().splitlines()
    assert len(rows) == 45
    assert [rows[number] for number in (0, 2, 5, 29, 44)] == [
        *("00\tadj.all\t3", "02\tadv.all\t4", "05\tnoun.animal\t1", "29\tverb.body\t2", "44\tadj.ppl\t3"),
    ]
    assert [path.name for path in found.parent.iterdir()] == ["wordnet"]


def test_a_second_call_finds_the_copy_and_mends_one_that_lost_a_file(tmp_path: Path):
    before = (find_wordnet(scratch=tmp_path) / "data.noun").stat().st_ino
    found = find_wordnet(scratch=tmp_path)
    assert (found / "data.noun").stat().st_ino == before
    (found / "index.sense").unlink()
    assert (find_wordnet(scratch=tmp_path) / "index.sense").is_file()


def test_a_complete_folder_that_was_configured_is_used_where_it_is(complete: Path, tmp_path: Path):
    assert find_wordnet(complete, scratch=tmp_path) == complete
    assert list(tmp_path.iterdir()) == []


def test_a_configured_folder_of_links_is_copied_because_nltk_follows_none(complete: Path, tmp_path: Path):
    found = find_wordnet(linked(tmp_path / "links"), scratch=tmp_path)
    assert found == tmp_path / "nltk_data" / "corpora" / "wordnet"
    assert not any(path.is_symlink() for path in found.iterdir())


def test_a_configured_zip_is_unpacked(zipped: Path, tmp_path: Path):
    found = find_wordnet(zipped, scratch=tmp_path)
    assert (found / "data.noun").read_bytes() == (DEBIAN / "data.noun").read_bytes()


def test_a_configured_nltk_data_folder_is_searched_as_nltk_would(complete: Path, zipped: Path, tmp_path: Path):
    corpora = tmp_path / "nltk_data" / "corpora"
    corpora.mkdir(parents=True)
    (corpora / "wordnet.zip").symlink_to(zipped)
    found = find_wordnet(tmp_path / "nltk_data", scratch=tmp_path / "scratch")
    assert found.is_relative_to(tmp_path / "scratch")
    (corpora / "wordnet").symlink_to(complete)
    assert find_wordnet(tmp_path / "nltk_data", scratch=tmp_path / "scratch") == corpora / "wordnet"


def test_nltks_data_path_goes_before_debians_packages(complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data" / "corpora").mkdir(parents=True)
    shutil.copytree(complete, tmp_path / "data" / "corpora" / "wordnet")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nowhere"), str(tmp_path / "data")])
    assert find_wordnet(scratch=tmp_path / "scratch") == tmp_path / "data" / "corpora" / "wordnet"


def test_what_is_unusable_in_nltks_data_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    linked(tmp_path / "data" / "corpora" / "wordnet", without="data.verb")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "data")])
    assert len(read_nouns(find_wordnet(scratch=tmp_path / "scratch"))) == 82_115
    with pytest.raises(WordNetMissing, match=rf"{tmp_path}/data/corpora/wordnet lacks data\.verb; there is no"):
        find_wordnet(scratch=tmp_path / "other", debian=tmp_path / "debian")


def test_without_any_wordnet_the_error_names_all_remedies(tmp_path: Path):
    with pytest.raises(WordNetMissing, match=rf"no WordNet 3\.0 here: there is no {tmp_path}/debian\. {REMEDIES}"):
        find_wordnet(scratch=tmp_path / "scratch", debian=tmp_path / "debian")


def test_a_configured_path_that_is_wrong_is_an_error_although_debians_is_there(tmp_path: Path):
    with pytest.raises(WordNetMissing, match=rf"there is no {tmp_path}/wordnet\. {REMEDIES}"):
        find_wordnet(tmp_path / "wordnet", scratch=tmp_path)
    (tmp_path / "text").write_text("text")
    with pytest.raises(WordNetMissing, match=rf"{tmp_path}/text is neither a folder nor a zip"):
        find_wordnet(tmp_path / "text", scratch=tmp_path)
    with pytest.raises(WordNetMissing, match=rf"{tmp_path}/lacking lacks index\.sense\. {REMEDIES}"):
        find_wordnet(linked(tmp_path / "lacking", without="index.sense"), scratch=tmp_path)


def test_another_version_of_wordnet_is_refused(tmp_path: Path):
    other = linked(tmp_path / "wordnet", without="data.noun")
    nouns = (DEBIAN / "data.noun").read_bytes()
    (other / "data.noun").write_bytes(b"  0 another licence  \n" + nouns)
    with pytest.raises(WordNetMissing, match=r"is not WordNet 3\.0, where n01440764 is the tench"):
        find_wordnet(other, scratch=tmp_path / "scratch")
    (other / "data.noun").write_bytes(nouns[: nouns.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(WordNetMissing, match=r"has 82,114 noun synsets, WordNet 3\.0 has 82,115"):
        find_wordnet(other, scratch=tmp_path / "scratch")


@pytest.mark.usefixtures("no_apt")
def test_the_download_comes_last_and_only_if_asked_for(zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def download(package: str, *, download_dir: str, quiet: bool, raise_on_error: bool) -> bool:
        asked.append(package)
        (Path(download_dir) / "corpora").mkdir()
        shutil.copyfile(zipped, Path(download_dir, "corpora", "wordnet.zip"))
        return quiet and raise_on_error

    monkeypatch.setattr(nltk, "download", download)
    find_wordnet(scratch=tmp_path / "first", download=True)
    with pytest.raises(WordNetMissing, match="there is no"):
        find_wordnet(scratch=tmp_path / "second", debian=tmp_path / "debian")
    assert asked == []
    found = find_wordnet(scratch=tmp_path / "third", debian=tmp_path / "debian", download=True)
    assert asked == ["wordnet"]
    assert len(read_nouns(found)) == 82_115


@pytest.mark.usefixtures("no_apt")
def test_a_download_that_fails_is_told_beside_the_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def download(package: str, **options: object) -> bool:
        raise ValueError("no route to host")

    monkeypatch.setattr(nltk, "download", download)
    with pytest.raises(WordNetMissing, match=rf"the download failed \(no route to host\)\. {REMEDIES}"):
        find_wordnet(scratch=tmp_path / "scratch", debian=tmp_path / "debian", download=True)


def test_debians_packages_are_unpacked_without_root_where_that_was_asked_for(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archives = [packaged(complete, tmp_path / name, name=name) for name in PACKAGES]
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text(f'#!/bin/sh\ntest "$*" = "download {" ".join(PACKAGES)}" && cp {" ".join(map(str, archives))} .\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{apt.parent}{os.pathsep}{os.environ['PATH']}")
    found = find_wordnet(scratch=tmp_path / "scratch", debian=tmp_path / "debian", download=True)
    assert found.is_relative_to(tmp_path / "scratch")
    assert len(read_nouns(found)) == 82_115


def packaged(wordnet: Path, folder: Path, *, name: str) -> Path:
    """A real Debian package: the sense index in one, all the rest in the other, as Debian has it."""
    place = folder / "package" / DEBIAN.relative_to("/")
    place.mkdir(parents=True)
    in_index = name == "wordnet-sense-index"
    for file in (file for file in FILES if file.startswith("index.sense") == in_index):
        shutil.copyfile(wordnet / file, place / file)
    control = folder / "package" / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: test\n"
    )
    archive = folder / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--build", folder / "package", archive], check=True, capture_output=True)
    return archive
