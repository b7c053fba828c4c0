"""Only a better model is promoted, compared with the one in use as it is now; a person may say otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.bundles import Bundle
from storage.errors import DamagedDataset, DatasetLocked
from storage.locking import dataset_lock
from storage.models import WEIGHTS, HeldOutFigures
from storage.promotions import promoted_version, promotions_of
from tasks.ops.model_report import model_report, promotion_text
from tasks.ops.promotion import decide, decision_on, promote_by_hand
from tests.storage.stored_models import new_model, promoted, registered


def reaching(value: float | None):
    """Return what measures every model as reaching the same."""
    return lambda incumbent: HeldOutFigures({"accuracy": value})


def nobody(incumbent: Bundle) -> HeldOutFigures:
    pytest.fail(f"version {incumbent.number} was measured, and nothing was to be compared")


def test_the_first_is_promoted_without_a_comparison(tmp_path: Path):
    folder = new_model(tmp_path)
    decision = decide(folder, registered(folder, value=0.25), nobody)
    assert (decision.is_granted, decision.value, decision.compared_with, decision.by) == (True, 0.25, None, "training")


@pytest.mark.parametrize(
    ("value", "of_incumbent", "is_granted"),
    [(0.5, 0.4, True), (0.5, 0.5, False), (0.5, 0.6, False), (0.5, None, True)],
)
def test_later_ones_are_promoted_if_they_are_better_than_the_incumbent_is_now(
    value: float, of_incumbent: float | None, is_granted: bool, tmp_path: Path
):
    folder = new_model(tmp_path)
    # What the incumbent once reached, on rows of then, does not count.
    promoted(folder, registered(folder, b"one", value=0.99))
    decision = decide(folder, registered(folder, b"two", value=value), reaching(of_incumbent))
    assert (decision.is_granted, decision.compared_with, decision.compared_value) == (is_granted, 1, of_incumbent)
    version = promoted_version(folder)
    assert version is not None
    assert version.number == (2 if is_granted else 1)
    of_first = "no number" if of_incumbent is None else f"{of_incumbent:g}"
    assert f"accuracy 0.5 against {of_first} of version 1 on the same held-out rows" in decision.reason


def test_who_is_beaten_to_it_compares_with_the_new_incumbent(tmp_path: Path):
    folder = new_model(tmp_path)
    first, second, third = (registered(folder, name, value=0.5) for name in (b"one", b"two", b"three"))
    promoted(folder, first)
    measured: list[int] = []

    def measure(incumbent: Bundle) -> HeldOutFigures:
        measured.append(incumbent.number)
        if len(measured) == 1:
            promoted(folder, second)
        return HeldOutFigures({"accuracy": 0.1 if incumbent.number == 1 else 0.9})

    decision = decide(folder, third, measure)
    assert measured == [1, 2]
    assert (decision.is_granted, decision.compared_with, decision.number) == (False, 2, 3)


def test_a_decision_is_found_again_for_its_version_only(tmp_path: Path):
    folder = new_model(tmp_path)
    first, second = registered(folder, b"one"), registered(folder, b"two")
    decision = decide(folder, first, nobody)
    assert (decision_on(folder, first), decision_on(folder, second)) == (decision, None)


def test_a_person_promotes_with_a_reason_and_goes_back(tmp_path: Path):
    folder = new_model(tmp_path)
    first, second = registered(folder, b"one"), registered(folder, b"two")
    decide(folder, first, nobody)
    with pytest.raises(ValueError, match="say why"):
        promote_by_hand(folder, second, reason=" ")
    promote_by_hand(folder, second, reason="sharper")
    back = promote_by_hand(folder, first, reason="it was not")
    assert [(each.version, each.by, each.reason) for each in promotions_of(folder)][:2] == [
        *((1, "hand", "it was not"), (2, "hand", "sharper")),
    ]
    assert promotion_text(back) == "Version 1 is promoted by hand: it was not."
    report = model_report(folder)
    assert (report.promoted, [version.is_promoted for version in report.versions]) == (1, [False, True])


def test_damaged_weights_are_not_promoted_nor_anything_beside_a_collection(tmp_path: Path):
    folder = new_model(tmp_path)
    version = registered(folder)
    with dataset_lock(folder), pytest.raises(DatasetLocked):
        promote_by_hand(folder, version, reason="now")
    (folder.objects / version.file(WEIGHTS).name).write_bytes(b"?")
    with pytest.raises(DamagedDataset, match=r"weights-.* is not what was registered"):
        promote_by_hand(folder, version, reason="now")
    assert promotions_of(folder) == []
