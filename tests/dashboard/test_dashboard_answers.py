"""Models answer from a process of their own: what they say, what of nonsense, and what if that process dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import psutil
import pytest
from PIL import Image

from dashboard.answers import IndexVersion, NoAnswer
from dashboard.app import dashboard_app
from dashboard.site import Site
from flows.dashboard_answers import AnswersInAnotherProcess
from storage.errors import DamagedDataset, DiskFull
from tests.dashboard.asking import Markup, visiting
from tests.dashboard.small_roots import Roots
from tests.oracles.conversions import encoded
from tests.tasks.ops import searchable
from tests.tasks.ops.searchable import CAT, COLOURS, DOG, THING, picture

INDEX = IndexVersion(searchable.INDEX, 1)


@pytest.fixture
def answers(kept_roots: Roots) -> Iterator[AnswersInAnotherProcess]:
    found = AnswersInAnotherProcess(kept_roots.tiers, device="cpu")
    yield found
    found.close()


def _pid() -> int:
    return os.getpid()


def _raise(kind: str) -> None:
    errors = {
        "value": ValueError("no such thing"),
        "damaged": DamagedDataset("it is torn", path=None, need=1, have=2, remedy="run: imagemill repair it"),
        "full": DiskFull("the disk is full", remedy="make room"),
        "runtime": RuntimeError("CUDA out of memory"),
        "os": OSError(5, "Input/output error"),
    }
    raise errors[kind]


def asked_pid(answers: AnswersInAnotherProcess) -> int:
    return answers._asked(_pid)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("value", "no such thing"),
        ("damaged", "it is torn"),
        ("full", "the disk is full"),
        ("runtime", "out of memory"),
        ("os", "Input/output"),
    ],
)
def test_what_goes_wrong_there_is_told_here_and_the_next_question_is_answered(
    answers: AnswersInAnotherProcess, kind: str, told: str
):
    first = asked_pid(answers)
    with pytest.raises(NoAnswer, match=told):
        answers._asked(_raise, kind)
    assert asked_pid(answers) == first


def test_questions_are_answered_by_one_process_that_is_another(answers: AnswersInAnotherProcess):
    first = asked_pid(answers)
    assert first != os.getpid()
    assert asked_pid(answers) == first


def test_a_process_that_dies_over_a_question_is_told_and_the_next_is_answered(answers: AnswersInAnotherProcess):
    with pytest.raises(NoAnswer, match="died, perhaps for lack of memory; try again"):
        answers._asked(os._exit, 1)
    assert psutil.pid_exists(asked_pid(answers))


@pytest.mark.slow
def test_a_process_that_dies_while_nobody_asks_is_told_once(answers: AnswersInAnotherProcess):
    process = psutil.Process(asked_pid(answers))
    pool = answers._pool
    assert pool is not None
    process.send_signal(signal.SIGKILL)
    while not pool._broken:
        time.sleep(0.005)
    with pytest.raises(NoAnswer, match="died, perhaps for lack of memory; try again"):
        asked_pid(answers)
    assert asked_pid(answers) != process.pid


@pytest.mark.slow
def test_after_it_was_closed_the_process_is_gone(answers: AnswersInAnotherProcess):
    process = psutil.Process(asked_pid(answers))
    answers.close()
    process.wait(30)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "noun"), [(DOG, "dog"), (CAT, "cat")])
def test_nouns_and_rows_near_a_picture_are_those_of_its_colour(
    kept_roots: Roots, answers: AnswersInAnotherProcess, name: str, noun: str
):
    with visiting(dashboard_app(Site(kept_roots.tiers, answers=answers))) as visitor:
        answer = visitor.ask("POST", "/search/picture", body=encoded(picture(name, 77), "PNG"))
        result = answers.near_picture(encoded(picture(name, 77), "PNG"), index=INDEX, count=12, nouns=3)
        refused = visitor.ask("POST", "/search/picture", body=b"no picture")
    assert result.nouns[0].label == noun
    assert {hit.label for hit in result.hits[:4]} == {noun}
    assert [hit.cosine for hit in result.hits] == sorted((hit.cosine for hit in result.hits), reverse=True)
    page = Markup(answer.text)
    assert (answer.status, refused.status) == (200, 422)
    assert page.text.index("Near this picture") < page.text.index(noun)
    assert Markup(refused.text).text.endswith(".") or "this" in Markup(refused.text).text
    pictures = [link for link in page.values("src") if "/pictures/" in link]
    assert len(pictures) == 12


@pytest.mark.slow
def test_what_is_no_picture_and_what_is_no_model_is_a_sentence(kept_roots: Roots, answers: AnswersInAnotherProcess):
    for content in (b"", b"no picture", encoded(picture(THING, 1), "PNG")[:60], b"\xff\xd8\xff\xe0" * 100):
        with pytest.raises(NoAnswer, match=r"^this\b.{5,}"):
            answers.near_picture(content, index=INDEX, count=3, nouns=3)
    good = encoded(Image.new("RGB", (40, 40), COLOURS[DOG]), "PNG")
    for name in ("nothing", "photos", "model-faces", "../../etc", "begun"):
        with pytest.raises(NoAnswer, match=r"\w+ \w+"):
            answers.near_picture(good, index=IndexVersion(name, 1), count=3, nouns=3)
    with pytest.raises(NoAnswer, match=r"\w+ \w+"):
        answers.near_picture(good, index=replace(INDEX, number=9), count=3, nouns=3)
    for model in ("devise@1", "faces@1", "candidate@1", "nothing@1"):
        with pytest.raises(NoAnswer, match=r"\w+ \w+"):
            answers.improved(np.zeros((8, 8, 3), np.uint8), model=model)
