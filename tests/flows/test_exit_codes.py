"""An error means the same whether a command meets it or the training process that it started."""

from __future__ import annotations

import pytest

from flows.exit_codes import exit_code_of
from storage import errors
from training.exit_codes import code_of

OF_DATASETS = [
    each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.DatasetError)
]
OF_SYSTEM = [FileNotFoundError, FileExistsError, IsADirectoryError, PermissionError, OSError, ValueError]


@pytest.mark.parametrize("kind", [*OF_DATASETS, *OF_SYSTEM, KeyboardInterrupt], ids=lambda kind: kind.__name__)
def test_commands_and_training_end_with_the_same_code(kind: type[BaseException]):
    error = kind("what went wrong")
    assert exit_code_of(error) == code_of(error) != 0


@pytest.mark.parametrize(
    ("kind", "code"),
    [(errors.DatasetLocked, 11), (errors.DiskFull, 74), (errors.SourceFailed, 74), (FileExistsError, 2), (OSError, 74)],
)
def test_codes_are_those_that_the_readme_lists(kind: type[BaseException], code: int):
    assert exit_code_of(kind("what went wrong")) == code


def test_a_defect_of_ours_has_no_meaning_for_the_user_and_fails_a_run():
    assert (exit_code_of(ZeroDivisionError()), code_of(ZeroDivisionError())) == (None, 1)
