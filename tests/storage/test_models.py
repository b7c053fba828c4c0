"""Models are versions like any other: immutable, found damaged, restored; one of them is promoted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.datasets import create_dataset
from storage.errors import DamagedDataset, UnknownDataset
from storage.lineage import Metric
from storage.models import (
    WEIGHTS,
    existing_model,
    find_models,
    lineage_in,
    open_model,
    parsed_reference,
    result_in,
    versions_of,
)
from storage.tiers import Tiers
from storage.verification import verified
from tasks.ops.repair import repair_dataset
from tests.storage.stored_models import METRIC, finished_run, new_model, promoted, registered


def test_a_registered_run_is_a_version_that_verifies(tmp_path: Path):
    folder = new_model(tmp_path)
    version = registered(folder, b"first", value=0.75)
    assert (version.number, version.kind, version.request) == (1, "models", "1" * 64)
    assert [file.name for file in version.files] == [
        *("weights.pt", "config.toml", "lineage.json", "result.json", "metrics.jsonl"),
    ]
    assert (folder.objects / version.file(WEIGHTS).name).read_bytes() == b"first"
    assert (folder.objects / version.card.name).read_text() == "# 1\n"
    assert lineage_in(folder, version).metric == METRIC
    held_out = result_in(folder, version).held_out
    assert held_out is not None
    assert held_out.metrics == {"accuracy": 0.75}
    found = verified(Tiers(tmp_path, tmp_path), folder.name, share=1.0)
    assert (found.is_whole, found.versions, found.notes) == (True, (1,), ())


def test_registering_leaves_the_run_as_it_is_and_the_same_again_is_no_new_version(tmp_path: Path):
    folder = new_model(tmp_path)
    first = registered(folder)
    assert registered(folder).number == first.number
    assert registered(folder, b"other").number == 2
    assert [version.number for version in versions_of(folder)] == [2, 1]


def test_runs_that_are_registered_at_once_all_become_versions(tmp_path: Path):
    folder = new_model(tmp_path)
    with ThreadPoolExecutor(3) as pool:
        versions = list(pool.map(lambda weights: registered(folder, weights), (b"one", b"two", b"three")))
    assert sorted(version.number for version in versions) == [1, 2, 3]
    assert verified(Tiers(tmp_path, tmp_path), folder.name, share=1.0).is_whole


def test_damaged_weights_come_back_from_the_spare(tmp_path: Path):
    folder = new_model(tmp_path)
    version = registered(folder)
    weights = folder.objects / version.file(WEIGHTS).name
    weights.write_bytes(b"weighty")
    with pytest.raises(DamagedDataset, match=r"not what was registered .* Run: imagemill repair model-digits"):
        open_model(Tiers(tmp_path, tmp_path), "digits@1").__enter__()
    done = repair_dataset(Tiers(tmp_path, tmp_path), folder.name, source=None, workers=1)
    assert done.is_whole
    assert weights.read_bytes() == b"weights"


def test_a_model_opens_by_name_version_or_as_what_is_promoted(tmp_path: Path):
    folder, tiers = new_model(tmp_path), Tiers(tmp_path, tmp_path)
    for weights in (b"one", b"two", b"three"):
        registered(folder, weights)
    with pytest.raises(UnknownDataset, match=r"no version .* it has: 1, 2, 3\. Run: imagemill models promote digits"):
        open_model(tiers, "digits").__enter__()
    promoted(folder, versions_of(folder)[1])
    for reference, content in (("digits", b"two"), ("digits@current", b"two"), ("digits@3", b"three")):
        with open_model(tiers, reference) as model:
            assert model.weights.read_bytes() == content
            assert model.config.read_text() == 'recipe = "digits"\n'
            assert model.lineage.recipe == "digits"
            assert len(list(folder.pins.iterdir())) == 1
    assert list(folder.pins.iterdir()) == []


def test_unknown_models_and_versions_are_answered_with_those_that_there_are(tmp_path: Path):
    create_dataset(tmp_path, "photos")
    registered(new_model(tmp_path))
    assert [folder.name for folder in find_models(tmp_path)] == ["model-digits"]
    with pytest.raises(UnknownDataset, match=r"no model 'photos'; it has: digits\. To make one: imagemill train"):
        existing_model(tmp_path, "photos")
    with pytest.raises(UnknownDataset, match="has no version 7; it has: 1"):
        open_model(Tiers(tmp_path, tmp_path), "digits@7").__enter__()


@pytest.mark.parametrize("reference", ["superres@", "superres@current", "superres"])
def test_a_name_alone_means_the_promoted_version(reference: str):
    assert parsed_reference(reference) == ("superres", None)


@pytest.mark.parametrize("reference", ["superres@-1", "superres@latest", "superres@1@2", "superres@²"])
def test_a_reference_that_means_nothing_is_refused(reference: str):
    with pytest.raises(ValueError, match="named like superres, superres@current or superres@3"):
        parsed_reference(reference)


@pytest.mark.parametrize(
    ("value", "than", "higher", "lower"),
    [
        (2.0, 1.0, True, False),
        (1.0, 2.0, False, True),
        (1.0, 1.0, False, False),
        (1.0, None, True, True),
        (1.0, float("nan"), True, True),
        (float("nan"), 1.0, False, False),
        (float("nan"), None, False, False),
        (float("inf"), 1.0, False, False),
        (None, None, False, False),
    ],
)
def test_better_means_what_the_recipe_says_and_no_number_is_never_better(
    value: float | None, than: float | None, higher: bool, lower: bool
):
    assert Metric("figure", "higher").is_better(value, than) is higher
    assert Metric("figure", "lower").is_better(value, than) is lower


def test_a_run_without_a_lineage_that_can_be_read_has_none(tmp_path: Path):
    run = finished_run(tmp_path / "run", weights=b"")
    assert run.is_done
    run.lineage.write_text("{")
    assert run.read_lineage() is None
