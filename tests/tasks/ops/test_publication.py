"""From finished receipts to a version with all that belongs to it, once and no more."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from storage.errors import TooManyRefused, VersionConflict
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from storage.publishing import publish
from storage.scratch import scratch_folder
from storage.spares import spare_of
from storage.verification import verified
from storage.versions import Version, version_numbers
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.publication import Published, card_of, publish_plan
from tests.examples import PARAMETERS

FIGURES = BuildFigures(images=5, seconds=2.0, cpu_seconds=0.5)


@pytest.fixture(params=["bcolz", "hdf5"])
def parameters(request: pytest.FixtureRequest) -> Parameters:
    return replace(PARAMETERS, sides=(16, 8), array_format=request.param)


def published_now(finished, *, built_on: int | None = None, max_refused: float = 1.0) -> Published:
    with scratch_folder(finished.folder) as scratch:
        return publish_plan(
            finished.tiers,
            finished.plan,
            finished.shuffled,
            scratch=scratch,
            built_on=built_on,
            max_refused=max_refused,
            figures=FIGURES,
        )


def object_names(folder: DatasetFolder) -> set[str]:
    return {path.name for path in folder.objects.iterdir()}


def prefixes(version: Version) -> list[str]:
    return [stored.name.rpartition("-")[0] for stored in version.companions]


def test_a_version_is_published_whole_with_table_views_report_card_and_spare(finished):
    found = published_now(finished)
    views = ["all-16", "all-8"] if finished.plan.settings.parameters.array_format == "hdf5" else []
    assert (found.is_new, found.version.number, found.version.parent) == (True, 1, None)
    assert prefixes(found.version) == ["rows", *views, "refused", "card"]
    assert {stored.name for stored in found.version.objects} == object_names(finished.folder)
    assert spare_of(finished.folder, 1) is not None
    checked = verified(finished.tiers, "photos", share=1.0)
    assert (checked.is_whole, checked.notes) == (True, ())


def test_the_version_holds_its_own_report_and_the_card_leads_to_it(finished):
    found = published_now(finished)
    report = finished.folder.objects / found.version.report.name
    assert found.refusals.report == report
    with report.open(newline="") as file:
        assert [(row["name"], row["reason"]) for row in csv.DictReader(file)] == [
            (refused.name, refused.reason.value) for refused in found.refusals.first
        ]
    assert (found.refusals.total, found.version.refused) == (2, 2)
    assert list((finished.folder.path / "refused").iterdir()) == []
    card = card_of(finished.folder, found.version).read_text()
    assert card.startswith("# photos, version 1\n")
    assert f"All of them: `{report}`" in card
    assert "| built in this run | 5 images, 2 images/s, 100.00 CPU ms per image |" in card


def test_too_many_refused_publish_nothing_and_the_report_stays(finished):
    before = object_names(finished.folder)
    with pytest.raises(TooManyRefused, match="2 of 5 images were refused"):
        published_now(finished, max_refused=0.39)
    assert version_numbers(finished.folder) == []
    assert object_names(finished.folder) == before
    report = finished.folder.refused(finished.plan.identity)
    assert len(report.read_text().splitlines()) == 3
    assert published_now(finished, max_refused=0.4).is_new
    assert not report.exists()


def test_the_same_content_is_published_once_and_leaves_nothing_behind(finished):
    first = published_now(finished)
    before = object_names(finished.folder)
    again = published_now(replace(finished), built_on=1)
    assert (again.version, again.is_new, again.refusals) == (first.version, False, first.refusals)
    assert object_names(finished.folder) == before
    assert list((finished.folder.path / "refused").iterdir()) == []


@pytest.mark.parametrize("built_on", [None, 1, 7])
def test_content_published_by_another_run_meanwhile_is_a_conflict(finished, built_on: int | None):
    first = published_now(finished).version
    publish(finished.folder, replace(first, number=2, parent=1, identity="a" * 64))
    with pytest.raises(VersionConflict, match=r"another run published version 2 of photos .* Run again to build"):
        published_now(finished, built_on=built_on)
    assert version_numbers(finished.folder) == [1, 2]


def lost(path: Path) -> bytes:
    content = path.read_bytes()
    path.unlink()
    return content


def test_what_a_published_version_lost_besides_pixels_comes_back(finished):
    version = published_now(finished).version
    for stored in version.companions:
        content = lost(finished.folder.objects / stored.name)
        assert not published_now(finished, built_on=1).is_new
        assert (finished.folder.objects / stored.name).read_bytes() == content
    spare = spare_of(finished.folder, 1)
    assert spare is not None
    content = lost(spare)
    assert not published_now(finished, built_on=1).is_new
    assert spare.read_bytes() == content
    assert verified(finished.tiers, "photos", share=1.0).is_whole


def test_a_version_without_a_card_says_so(finished):
    version = published_now(finished).version
    assert card_of(finished.folder, version).is_file()
    with pytest.raises(ValueError, match="version 1 of photos was published without a card"):
        card_of(finished.folder, replace(version, card=None))


def test_the_version_names_the_plan_and_the_source_that_it_was_made_of(finished):
    version = published_now(finished).version
    record = json.loads(finished.folder.version(1).read_bytes())["body"]
    assert (version.plan, version.source) == (finished.plan.identity, finished.plan.source.root)
    assert (record["listed"], record["stored"], record["refused"]) == (5, 3, 2)
    assert [shard["key"] for shard in record["shards"]] == [shard.key for shard in finished.plan.shards]
