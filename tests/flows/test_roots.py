"""Where the roots come from: an option wins over the environment, and that over the settings file."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.roots import Settings, chosen_tiers, optional_tiers, parsed_size, read_settings
from storage.tiers import Tiers

ONLY = r'imagemill\.toml may hold slow = "…", fast = "…" and fast_budget = "200GB" only, it holds'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and none of the user's settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("IMAGEMILL_SLOW", "IMAGEMILL_FAST", "IMAGEMILL_FAST_BUDGET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_options_win_over_the_environment_and_that_over_the_file(here: Path, monkeypatch: pytest.MonkeyPatch):
    (here / "imagemill.toml").write_text('slow = "/file/slow"\nfast = "/file/fast"\n')
    assert chosen_tiers(None, None) == Tiers(Path("/file/slow"), Path("/file/fast"))
    monkeypatch.setenv("IMAGEMILL_SLOW", "/environment/slow")
    assert chosen_tiers(None, None) == Tiers(Path("/environment/slow"), Path("/file/fast"))
    monkeypatch.setenv("IMAGEMILL_FAST", "/environment/fast")
    assert chosen_tiers(None, None) == Tiers(Path("/environment/slow"), Path("/environment/fast"))
    assert chosen_tiers(Path("/option"), None) == Tiers(Path("/option"), Path("/environment/fast"))
    assert chosen_tiers(Path("/option"), Path("/quick")) == Tiers(Path("/option"), Path("/quick"))


def test_one_root_is_enough():
    assert chosen_tiers(Path("/data"), None) == Tiers(Path("/data"), Path("/data"))


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMAGEMILL_SLOW", "")
    assert optional_tiers(None, None) is None


def test_relative_roots_are_below_the_folder_of_the_call_or_of_the_file(here: Path):
    assert chosen_tiers(Path("a"), None).slow == here / "a"
    (here / "imagemill.toml").write_text('slow = "b"\n')
    assert chosen_tiers(None, None) == Tiers(here / "b", here / "b")
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "imagemill.toml").write_text('fast = "c"\n')
    assert read_settings(here / "elsewhere" / "imagemill.toml") == Settings(fast=here / "elsewhere" / "c")


def test_no_root_anywhere_names_all_three_ways_to_give_one():
    with pytest.raises(ValueError, match=r"Give --slow DIR, or set IMAGEMILL_SLOW, or write slow = .* imagemill\.toml"):
        chosen_tiers(None, None)
    with pytest.raises(ValueError, match="where should arrays be kept"):
        chosen_tiers(None, Path("/quick"))


def test_where_roots_may_be_missing_none_is_an_answer(here: Path):
    assert optional_tiers(None, None) is None
    assert optional_tiers(Path("/data"), None) == Tiers(Path("/data"), Path("/data"))
    (here / "imagemill.toml").write_text('slow = "/file"\n')
    assert optional_tiers(None, Path("/quick")) == Tiers(Path("/file"), Path("/quick"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slow = ", r"imagemill\.toml: Invalid value"),
        ('slow = "/a"\nsolw = "/b"\n', rf"{ONLY} slow = '/a', solw = '/b'"),
        ("slow = 3\n", rf"{ONLY} slow = 3"),
        ("fast_budget = 200\n", rf"{ONLY} fast_budget = 200"),
        ('[slow]\npath = "/a"\n', rf"{ONLY} slow = \{{'path': '/a'\}}"),
        ('fast_budget = "200"\n', r"fast_budget in imagemill\.toml should be a size such as 500MB, .* got '200'"),
    ],
)
def test_a_wrong_settings_file_is_told_with_its_name(here: Path, text: str, message: str):
    (here / "imagemill.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        chosen_tiers(Path("/data"), None)


def test_no_settings_file_is_no_settings(here: Path):
    assert read_settings(here / "imagemill.toml") == Settings()
    (here / "imagemill.toml").mkdir()
    assert read_settings(here / "imagemill.toml") == Settings()


# ---- The budget of the fast root


def test_the_budget_is_an_option_a_variable_or_a_setting_in_that_order(here: Path, monkeypatch: pytest.MonkeyPatch):
    assert chosen_tiers(Path("/a"), None).fast_budget is None
    (here / "imagemill.toml").write_text('slow = "/file"\nfast_budget = "3GB"\n')
    assert chosen_tiers(None, None) == Tiers(Path("/file"), Path("/file"), 3_000_000_000)
    monkeypatch.setenv("IMAGEMILL_FAST_BUDGET", "2GB")
    assert chosen_tiers(None, None).fast_budget == 2_000_000_000
    assert chosen_tiers(None, None, fast_budget="1GB").fast_budget == 1_000_000_000
    monkeypatch.setenv("IMAGEMILL_FAST_BUDGET", "")
    assert chosen_tiers(None, None).fast_budget == 3_000_000_000


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("500MB", 500 * 10**6),
        ("1.5GB", 1_500_000_000),
        ("200GiB", 200 * 2**30),
        ("0.5 TiB", 2**39),
        (" 3kb ", 3000),
        ("7KiB", 7 * 1024),
        ("1PB", 10**15),
    ],
)
def test_a_size_has_a_number_and_a_unit(text: str, size: int):
    assert parsed_size(text, "--fast-budget") == size


@pytest.mark.parametrize("text", ["", "200", "GB", "-1GB", "1,5GB", "1.GB", "1e3GB", "200 G", "1 EB", "nanGB"])
def test_what_is_no_size_is_refused_with_examples(text: str):
    with pytest.raises(ValueError, match=r"--fast-budget should be a size such as 500MB, 1\.5GB or 200GiB, got"):
        parsed_size(text, "--fast-budget")


@pytest.mark.parametrize("text", ["0GB", "0.1B"])
def test_a_budget_of_nothing_is_refused(text: str):
    with pytest.raises(ValueError, match="--fast-budget should be more than nothing, got"):
        parsed_size(text, "--fast-budget")


def test_the_error_names_where_the_budget_was_written(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="--fast-budget should"):
        chosen_tiers(Path("/a"), None, fast_budget="much")
    monkeypatch.setenv("IMAGEMILL_FAST_BUDGET", "much")
    with pytest.raises(ValueError, match="IMAGEMILL_FAST_BUDGET should"):
        chosen_tiers(Path("/a"), None)
