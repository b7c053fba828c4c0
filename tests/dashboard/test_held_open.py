"""What is opened for a page is opened once, and let go of: after a while, for something else, and at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dashboard.held_open import HeldOpen


class Doors:
    """Notes what is opened and closed; the door called `locked` cannot be opened."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @contextmanager
    def opened(self, name: str) -> Iterator[str]:
        if name == "locked":
            raise ValueError("it is locked")
        self.told.append(f"open {name}")
        yield name
        self.told.append(f"close {name}")

    def wait_for(self, told: str) -> None:
        deadline = time.monotonic() + 60
        while self.told[-1] != told:
            assert time.monotonic() < deadline, self.told
            time.sleep(0.005)


@pytest.fixture
def doors() -> Doors:
    return Doors()


def test_what_is_used_again_is_opened_once_and_closed_for_another(doors: Doors):
    held = HeldOpen(doors.opened)
    for name in ("a", "a", "b"):
        with held.of(name) as found:
            assert found == name
    held.close()
    held.close()
    assert doors.told == ["open a", "close a", "open b", "close b"]


def test_after_a_while_it_is_let_go_of_also_when_its_use_failed(doors: Doors):
    held = HeldOpen(doors.opened, seconds=0.05)
    with pytest.raises(KeyError), held.of("a"):
        raise KeyError("unknown word")
    doors.wait_for("close a")
    with held.of("a"):
        assert doors.told[-1] == "open a"
    doors.wait_for("close a")


def test_what_cannot_be_opened_leaves_nothing_open(doors: Doors):
    held = HeldOpen(doors.opened)
    with held.of("a"):
        pass
    with pytest.raises(ValueError, match="locked"), held.of("locked"):
        pass
    assert doors.told == ["open a", "close a"]
    with held.of("a"):
        assert doors.told[-1] == "open a"
    held.close()


def test_one_thread_at_a_time_uses_it_and_nothing_is_closed_meanwhile(doors: Doors):
    held = HeldOpen(doors.opened, seconds=0.01)
    inside = threading.Lock()

    def use(name: str) -> None:
        for _ in range(20):
            with held.of(name):
                assert inside.acquire(blocking=False)
                time.sleep(0.002)
                assert doors.told[-1] == f"open {name}"
                inside.release()

    threads = [threading.Thread(target=use, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held.close()
    assert doors.told.count("open a") == doors.told.count("close a")
    assert doors.told.count("open b") == doors.told.count("close b")
