"""The report names every refused input, whatever its name is, and too many of them stop a version."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import TooManyRefused
from storage.layout import DatasetFolder
from storage.names import escaped, without_controls
from storage.plans import Plan, PlannedShard, PlanSettings, SourceTree
from storage.receipts import Receipt, write_receipt
from storage.refused import Reason, Refused
from tasks.ops.refusal_report import (
    KEPT_REFUSED,
    Refusals,
    refusals_of,
    refused_of,
    report_refused,
    require_few_refused,
)
from tests.examples import PARAMETERS

SETTINGS = PlanSettings(PARAMETERS, seed=0, rows_per_shard=3, selection="everything")


def finished(folder: DatasetFolder, *shards: list[Refused], listed: int = 1000) -> Plan:
    """Return a plan whose shards have refused these inputs, of `listed` in each."""
    planned = tuple(PlannedShard(f"{number:064x}", number * listed, listed) for number in range(len(shards)))
    for shard, refused in zip(planned, shards, strict=True):
        sources = ("a" * 64,) * listed
        write_receipt(folder, Receipt(shard.key, "b" * 64, 0, (), "c" * 64, sources, tuple(refused), 0.0))
    return Plan("photos", SourceTree("/images", None), SETTINGS, ("cat",), planned)


def lines_of(report: Path) -> list[list[str]]:
    with report.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def bad(name: str, reason: Reason = Reason.CORRUPT, detail: str = "told") -> Refused:
    return Refused(0, name, reason, detail)


def test_the_report_has_every_refused_input_in_the_order_of_the_plan(folder: DatasetFolder):
    plan = finished(folder, [bad("z"), bad("a", Reason.EMPTY, "0 bytes")], [], [bad("m")])
    refusals = report_refused(folder, plan, folder.tmp)
    assert refusals.report == folder.refused(plan.identity)
    assert lines_of(refusals.report) == [
        ["name", "reason", "detail"],
        ["z", "corrupt", "told"],
        ["a", "empty", "0 bytes"],
        ["m", "corrupt", "told"],
    ]
    assert (refusals.listed, refusals.total) == (3000, 3)
    assert refusals.first == tuple(refused_of(folder, plan))


def test_a_plan_that_refused_nothing_has_a_report_of_one_line(folder: DatasetFolder):
    refusals = report_refused(folder, finished(folder, []), folder.tmp)
    assert refusals.report.read_bytes() == b"name,reason,detail\n"
    assert (refusals.by_reason, refusals.first, refusals.total) == ({}, (), 0)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.tuples(
            st.binary(max_size=20).map(escaped) | st.text('",; \\=+-@é|'),
            st.sampled_from(Reason),
            st.text('",;\n\t\\=+-@é|'),
        ),
        max_size=8,
    )
)
def test_any_name_and_any_detail_survives_the_report(folder: DatasetFolder, texts: list[tuple[str, Reason, str]]):
    plan = finished(folder, [bad(*text) for text in texts], listed=10)
    refusals = report_refused(folder, plan, folder.tmp)
    told = [[name, reason.value, without_controls(detail)] for name, reason, detail in texts]
    assert lines_of(refusals.report)[1:] == told
    assert refusals.by_reason == Counter(reason.value for _, reason, _ in texts)


def test_the_commonest_reason_comes_first(folder: DatasetFolder):
    reasons = [Reason.EMPTY, Reason.CORRUPT, Reason.CORRUPT, Reason.TRUNCATED, Reason.CORRUPT, Reason.TRUNCATED]
    refusals = report_refused(folder, finished(folder, [bad("x", reason) for reason in reasons]), folder.tmp)
    assert list(refusals.by_reason.items()) == [("corrupt", 3), ("truncated", 2), ("empty", 1)]


def test_of_very_many_only_the_first_are_kept_at_hand_and_the_report_has_all(folder: DatasetFolder):
    names = [f"{number}.jpg" for number in range(KEPT_REFUSED + 7)]
    refusals = report_refused(folder, finished(folder, [bad(name) for name in names]), folder.tmp)
    assert [refused.name for refused in refusals.first] == names[:KEPT_REFUSED]
    assert refusals.total == len(lines_of(refusals.report)) - 1 == len(names)


def test_the_sum_alone_writes_nothing_and_says_where_the_report_is(folder: DatasetFolder, tmp_path: Path):
    plan = finished(folder, [bad("z"), bad("a")])
    refusals = refusals_of(folder, plan, report=tmp_path / "elsewhere.csv")
    assert refusals.report == tmp_path / "elsewhere.csv"
    assert not refusals.report.exists()
    assert not folder.refused(plan.identity).exists()
    assert replace(refusals, report=folder.refused(plan.identity)) == report_refused(folder, plan, folder.tmp)


@pytest.mark.parametrize(("total", "allowed"), [(0, 0.0), (10, 0.01), (1000, 1.0), (1, 0.001)])
def test_as_many_as_allowed_may_be_refused(total: int, allowed: float):
    require_few_refused(Refusals({"corrupt": total}, (), 1000, Path("x.csv")), allowed)


@pytest.mark.parametrize(("total", "allowed"), [(1, 0.0), (11, 0.01), (1000, 0.999)])
def test_more_than_allowed_stop_the_version_with_the_reasons_and_the_remedy(total: int, allowed: float):
    refusals = Refusals({"corrupt": total - 1, "empty": 1}, (), 1000, Path("/a/x.csv"))
    told = (
        rf"{total} of 1000 images were refused \({total - 1} corrupt, 1 empty\), the limit is {allowed:.1%}: "
        r"nothing was published\. See /a/x\.csv\. If they really are bad, allow more with --max-refused"
    )
    with pytest.raises(TooManyRefused, match=told):
        require_few_refused(refusals, allowed)
