"""Errors tell a person all in a sentence, and a program the same in parts."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest

from storage import errors
from storage.errors import DamagedDataset, DatasetError, DiskFull, NotEnoughSpace, UnknownDataset, is_disk_full


def test_the_remedy_ends_the_sentence_and_the_facts_are_told_apart():
    error = DamagedDataset("it is damaged", path=Path("/a/b"), need=7, have="six", remedy="run: imagemill repair x")
    assert str(error) == "it is damaged. Run: imagemill repair x"
    assert error.facts == {"path": "/a/b", "need": 7, "have": "six", "remedy": "run: imagemill repair x"}


def test_what_was_not_told_is_no_fact():
    assert DatasetError("it is damaged").facts == {}
    assert str(DatasetError("it is damaged")) == "it is damaged"


def test_nothing_at_all_is_a_fact_too():
    assert NotEnoughSpace("it is full", need=5, have=0).facts == {"need": 5, "have": 0}


@pytest.mark.parametrize(
    ("error", "builtin"), [(UnknownDataset, LookupError), (DiskFull, OSError), (NotEnoughSpace, OSError)]
)
def test_who_knows_nothing_of_us_may_catch_the_built_in_error(error: type[DatasetError], builtin: type[Exception]):
    with pytest.raises(builtin, match="told"):
        raise error("told")


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DatasetError)]
)
def test_an_error_comes_through_a_pipe_as_it_is(kind: type[DatasetError]):
    error = kind("it failed", path=Path("/a/b"), need=7, have="six", remedy="look at the disk")
    error.add_note("on another machine")
    found = pickle.loads(pickle.dumps(error))
    assert (type(found), str(found), found.facts) == (kind, str(error), error.facts)
    assert found.__notes__ == ["on another machine"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_known_by_its_number_or_by_the_text_of_hdf5(code: int):
    assert is_disk_full(OSError(code, "full"))
    assert is_disk_full(RuntimeError(f"Can't write data (file write failed: errno = {code}, error message = 'x')"))
    assert not is_disk_full(OSError(errno.EIO, "broken"))
    assert not is_disk_full(RuntimeError("errno = 5"))
