"""Space that is promised to one run is not promised to another, whatever locks are worth."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from storage.errors import NotEnoughSpace
from storage.owners import owner_name
from storage.space import HEADROOM_BYTES, reserved
from tests.faults.c_shims import compiled_shim

Usage = namedtuple("Usage", "total used free")

# Takes a part of a budget, holds it until a line comes, and says what it got.
RUN = """
import sys
from pathlib import Path
from storage.errors import NotEnoughSpace
from storage.space import reserved
root, needed, budget = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
try:
    with reserved(root, needed, purpose="copies", budget=budget, used=lambda: 0):
        print("held", flush=True)
        sys.stdin.readline()
except NotEnoughSpace:
    print("refused", flush=True)
"""


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch):
    """Set what the disk has free, besides the headroom; a disk that is nearly full cannot be had for a test."""

    def set_free(count: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, HEADROOM_BYTES + count))

    return set_free


def files(root: Path) -> list[Path]:
    return list((root / ".imagemill" / "reservations").iterdir())


def outstanding(root: Path) -> list[int]:
    return sorted(json.loads(path.read_bytes())["bytes"] for path in files(root))


def foreign(root: Path, count: int, *, state: str = "held", **parts: str) -> Path:
    """Write down what another process reserved; `parts` of its name differ from this process's."""
    named = dict(zip(("host", "boot", "namespace", "pid", "started", "chance"), owner_name().split("+"), strict=True))
    path = root / ".imagemill" / "reservations" / "+".join((named | parts).values())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"state": state, "bytes": count}))
    return path


def test_a_reservation_lasts_as_long_as_its_block(tmp_path: Path, free):
    free(100)
    with reserved(tmp_path, 60, purpose="arrays"), reserved(tmp_path, 40, purpose="arrays"):
        assert outstanding(tmp_path) == [40, 60]
    assert files(tmp_path) == []
    with pytest.raises(RuntimeError), reserved(tmp_path, 60, purpose="arrays"):
        raise RuntimeError
    assert files(tmp_path) == []


def test_what_others_have_reserved_is_not_free(tmp_path: Path, free):
    free(100)
    told = (
        rf"{re.escape(str(tmp_path))} has 0\.07 GB free, besides 0\.00 GB that other runs have reserved, arrays need "
        r"0\.07 GB\. Free some space, choose another root, or limit the job \(--limit, fewer or smaller --size\)"
    )
    with reserved(tmp_path, 60, purpose="arrays"):
        with pytest.raises(NotEnoughSpace, match=told) as refused, reserved(tmp_path, 41, purpose="arrays"):
            pass
        assert refused.value.facts["path"] == str(tmp_path)
        assert refused.value.facts["need"] == 41 + HEADROOM_BYTES
        assert refused.value.facts["have"] == 40 + HEADROOM_BYTES
        assert outstanding(tmp_path) == [60]
    with reserved(tmp_path, 100, purpose="arrays"):
        pass


def test_what_is_written_is_no_longer_reserved(tmp_path: Path, free):
    free(100)
    with reserved(tmp_path, 60, purpose="arrays") as mine:
        mine.spend(50)
        assert (outstanding(tmp_path), mine.outstanding) == ([10], 10)
        free(50)
        with reserved(tmp_path, 40, purpose="arrays"):
            pass
        mine.spend(50)
        assert outstanding(tmp_path) == [0]


def test_a_budget_limits_what_is_there_and_what_is_reserved(tmp_path: Path):
    def reserve(count: int, used: int):
        return reserved(tmp_path, count, purpose="copies", remedy="remove some", budget=1000, used=lambda: used)

    with reserve(300, 500), reserve(200, 500):
        told = r"has 0\.00 GB left of its budget of 0\.00 GB.*, copies need 0\.00 GB\. Remove some"
        with pytest.raises(NotEnoughSpace, match=told) as refused, reserve(1, 500):
            pass
        assert (refused.value.need, refused.value.have) == (1, 0)


def test_room_is_made_for_what_is_lacking_and_no_more(tmp_path: Path):
    used, asked = [900], []

    def make_room(lacking: int) -> int:
        asked.append(lacking)
        used[0] -= 120
        return 120

    with reserved(tmp_path, 300, purpose="copies", budget=1000, used=lambda: used[0], make_room=make_room):
        assert asked == [200, 80]
        assert used == [660]


def test_no_room_is_made_for_bytes_that_another_run_has_just_written(tmp_path: Path):
    other, asked = foreign(tmp_path, 400), []

    def used() -> int:
        # The other run ends between a look at the claims and this one at the bytes: both have all of its 400.
        other.unlink(missing_ok=True)
        return 400

    with reserved(
        tmp_path, 600, purpose="copies", budget=1000, used=used, make_room=lambda lacking: asked.append(lacking) or 0
    ):
        assert asked == []


def test_nothing_is_reserved_when_no_room_can_be_made(tmp_path: Path):
    asked = []
    with (
        pytest.raises(NotEnoughSpace),
        reserved(tmp_path, 300, purpose="copies", budget=200, used=lambda: 0, make_room=lambda n: asked.append(n) or 0),
    ):
        pass
    assert asked == [100]
    assert files(tmp_path) == []


def test_the_space_needed_is_told_in_gigabytes(tmp_path: Path, free):
    free(5_250_000_000 - HEADROOM_BYTES)
    told = r"has 5\.25 GB free, arrays need 193\.07 GB\. Free some space"
    with pytest.raises(NotEnoughSpace, match=told), reserved(tmp_path, 193_000_000_000, purpose="arrays"):
        pass


# ---- Other processes


@pytest.mark.parametrize("parts", [{"started": "1"}, {"boot": "0-0"}], ids=["dead", "before the boot"])
def test_what_a_dead_run_reserved_is_free_again(tmp_path: Path, free, parts: dict[str, str]):
    free(100)
    dead = foreign(tmp_path, 60, **parts)
    with reserved(tmp_path, 100, purpose="arrays"):
        assert not dead.exists()


def test_what_another_host_reserved_counts_until_it_has_been_silent_for_a_day(tmp_path: Path, free):
    free(100)
    far = foreign(tmp_path, 60, host="another-host")
    with pytest.raises(NotEnoughSpace), reserved(tmp_path, 41, purpose="arrays"):
        pass
    os.utime(far, (0, 0))
    with reserved(tmp_path, 41, purpose="arrays"):
        pass


def test_an_unreadable_reservation_is_passed_over_with_a_warning(
    tmp_path: Path, free, caplog: pytest.LogCaptureFixture
):
    free(100)
    path = foreign(tmp_path, 60, host="another-host")
    path.write_bytes(b"{")
    with reserved(tmp_path, 100, purpose="arrays"):
        assert f"{path} is not a readable reservation" in caplog.text


@pytest.mark.parametrize("locks", ["working", "useless"])
def test_of_many_that_ask_at_once_as_many_get_it_as_fit(
    tmp_path: Path, start_python, monkeypatch: pytest.MonkeyPatch, locks: str
):
    if locks == "useless":
        monkeypatch.setenv("LD_PRELOAD", str(compiled_shim("useless_locks")))
    runs = [start_python(RUN, tmp_path, 100, 250) for _ in range(5)]
    for run in runs:
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.flush()
    assert sorted(run.stdout.readline() for run in runs) == ["held\n", "held\n", "refused\n", "refused\n", "refused\n"]
    assert outstanding(tmp_path) == [100, 100]


def test_a_run_that_was_killed_while_it_held_space_gives_it_back(tmp_path: Path, start_python):
    run = start_python(RUN, tmp_path, 100, 100)
    run.stdin.write("go\n")
    run.stdin.flush()
    assert [run.stdout.readline(), run.stdout.readline()] == ["ready\n", "held\n"]
    with pytest.raises(NotEnoughSpace), reserved(tmp_path, 1, purpose="copies", budget=100, used=lambda: 0):
        pass
    run.kill()
    run.wait()
    with reserved(tmp_path, 100, purpose="copies", budget=100, used=lambda: 0):
        assert outstanding(tmp_path) == [100]
