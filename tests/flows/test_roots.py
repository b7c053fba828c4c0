"""Where the roots come from: an option wins over the environment, and that over the settings file."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.roots import chosen_tiers, optional_tiers, read_settings
from storage.tiers import Tiers


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and none of the user's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGEMILL_SLOW", raising=False)
    monkeypatch.delenv("IMAGEMILL_FAST", raising=False)
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
    assert read_settings(here / "elsewhere" / "imagemill.toml") == {"fast": here / "elsewhere" / "c"}


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
        ('slow = "/a"\nsolw = "/b"\n', r'may hold slow = "…" and fast = "…" only, it holds slow, solw'),
        ("slow = 3\n", r'may hold slow = "…" and fast = "…" only, it holds slow'),
        ('[slow]\npath = "/a"\n', r'may hold slow = "…" and fast = "…" only, it holds slow'),
    ],
)
def test_a_wrong_settings_file_is_told_with_its_name(here: Path, text: str, message: str):
    (here / "imagemill.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        chosen_tiers(Path("/data"), None)


def test_no_settings_file_is_no_settings(here: Path):
    assert read_settings(here / "imagemill.toml") == {}
    (here / "imagemill.toml").mkdir()
    assert read_settings(here / "imagemill.toml") == {}
