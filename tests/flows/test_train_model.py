"""The flow that trains: a process of its own, watched, resumed, told why it failed; the best model is promoted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.exit_codes import exit_code_of
from flows.train_model import TrainOutcome, train_model
from storage.models import model_folder, open_model, require_recipe
from storage.promotions import promotions_of
from storage.tiers import Tiers
from storage.verification import verified
from tasks.ops.training_process import TrainingFailed, TrainingPreempted
from tests.flows.training_runs import BADLY, REPOSITORY, SLOWLY, Stopper, job_in, runs_below
from tests.training.conftest import RECIPE, curve


@pytest.fixture(autouse=True)
def _small_processes(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def first(prefect_api: str, root: Path) -> TrainOutcome:
    """The first model below the root, from a run that nothing happened to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        patch.setenv("OMP_NUM_THREADS", "1")
        return train_model(job_in(root))


def artifact(key: str) -> Any:
    """Return the newest artifact of a key."""
    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        newest = max(client.read_artifacts(artifact_filter=wanted), key=lambda found: found.created or 0)
    return newest.data


def test_a_run_becomes_a_model_that_is_promoted_as_the_first(first: TrainOutcome, root: Path):
    assert (first.status, first.version.number, first.decision.is_granted) == ("trained", 1, True)
    assert first.decision.reason == "it is the first"
    assert first.result.held_out is not None
    assert first.decision.value == first.result.held_out.metrics["accuracy"]
    with open_model(Tiers(root, root), "digits") as model:
        (run,) = runs_below(root)
        assert model.weights.read_bytes() == (run / "weights.pt").read_bytes()
        assert model.lineage.origins[0].name == "digits"
    assert verified(Tiers(root, root), "model-digits", share=1.0).is_whole
    (log,) = (root / "model-digits" / "logs").glob("*.log")
    assert "train of" in log.read_text()


def test_the_pages_show_curve_samples_and_card(first: TrainOutcome):
    page, card = artifact("model-digits-curve"), artifact("model-digits-card")
    assert page.startswith("# digits\n\nStep 29 of 29, epoch 3.00.\n\n![learning curve](data:image/png;base64,")
    assert "`noise` after step 29:\n\n![sample](data:image/jpeg;base64," in page
    assert card.startswith("# digits, version 1\n\nVersion 1 is promoted: it is the first.\n")
    assert "| `accuracy` |" in card
    assert f'recipe = "{RECIPE}"' in card
    assert artifact("model-digits-progress") == 100


def test_the_same_again_finds_nothing_to_do(first: TrainOutcome, root: Path):
    again = train_model(job_in(root))
    assert (again.status, again.version, again.decision, again.run) == (
        "unchanged",
        first.version,
        first.decision,
        None,
    )
    assert len(runs_below(root)) == 1


@pytest.mark.slow
def test_a_worse_model_is_registered_and_not_promoted_and_both_figures_are_told(first: TrainOutcome, root: Path):
    worse = train_model(job_in(root, BADLY))
    assert (worse.status, worse.version.number, worse.decision.is_granted) == ("trained", 2, False)
    value, other = worse.decision.value, worse.decision.compared_value
    assert value is not None
    assert other is not None
    assert value < other == first.decision.value
    told = f"it is not better: accuracy {value:.6g} against {other:.6g} of version 1 on the same held-out rows"
    assert worse.decision.reason == told
    with open_model(Tiers(root, root), "digits@current") as model:
        assert model.version == first.version
    # A run that was killed before it had decided decides when it is run again.
    record = root / "model-digits" / "promotions" / "00000002.json"
    copy = root / "model-digits" / "spares" / "promotion-00000002.json"
    record.unlink()
    copy.unlink()
    again = train_model(job_in(root, BADLY))
    assert (again.status, again.decision.reason) == ("unchanged", told)
    better = train_model(job_in(root, "phases=[{epochs = 12, learning_rate = 0.02}]"))
    assert (better.version.number, better.decision.is_granted, better.decision.compared_with) == (3, True, 1)
    assert [each.is_granted for each in promotions_of(model_folder(root, "digits"))] == [True, False, True]


@pytest.mark.slow
def test_a_run_that_others_stop_goes_on_by_itself_with_one_continuous_curve(first: TrainOutcome, tmp_path: Path):
    stopper = Stopper(tmp_path, 5, 11)
    stopper.start()
    outcome = train_model(job_in(tmp_path, SLOWLY))
    stopper.join()
    assert len(set(stopper.stopped)) == 2
    assert (outcome.status, outcome.decision.is_granted) == ("trained", True)
    (run,) = runs_below(tmp_path)
    assert [line["step"] for line in curve(run) if line["kind"] == "train"] == list(range(1, 30))
    assert (run / "log.txt").read_text().count("preempted after step") == 2
    whole = first.run
    assert whole is not None
    assert curve(run) == curve(whole)
    assert (run / "weights.pt").read_bytes() == (whole / "weights.pt").read_bytes()


@pytest.mark.slow
def test_a_run_that_others_stop_too_often_ends_with_75_and_the_next_goes_on(tmp_path: Path):
    stopper = Stopper(tmp_path, 5)
    stopper.start()
    with pytest.raises(TrainingPreempted, match=r"it was asked to stop; its checkpoint is in .*/runs/") as raised:
        train_model(job_in(tmp_path, SLOWLY, resumes=0))
    assert exit_code_of(raised.value) == 75
    outcome = train_model(job_in(tmp_path, SLOWLY))
    assert outcome.status == "trained"
    (run,) = runs_below(tmp_path)
    assert "going on after step" in (run / "log.txt").read_text()


@pytest.mark.slow
def test_a_run_goes_on_with_its_rows_and_the_next_takes_the_newer_ones(tmp_path: Path):
    edition = tmp_path / "edition"
    edition.write_text("1")
    settings = (SLOWLY, f"edition_file={edition}")
    Stopper(tmp_path, 5).start()
    with pytest.raises(TrainingPreempted):
        train_model(job_in(tmp_path, *settings, resumes=0))
    edition.write_text("2")
    first, second = train_model(job_in(tmp_path, *settings)), train_model(job_in(tmp_path, *settings))
    assert [dict(each.version.made_of)["rows"][:17] for each in (first, second)] == [
        "digits, version 1",
        "digits, version 2",
    ]
    assert len(runs_below(tmp_path)) == 2
    assert train_model(job_in(tmp_path, *settings)).status == "unchanged"


@pytest.mark.slow
def test_the_reason_of_a_failure_is_told_and_a_run_anew_is_another(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with pytest.raises(TrainingFailed, match=r"^out of memory with 16 rows in a batch; try batch_size=8") as raised:
        train_model(job_in(tmp_path, "fails_at=6"))
    assert exit_code_of(raised.value) == 1
    (run,) = runs_below(tmp_path)
    assert f"See {run / 'log.txt'}" in str(raised.value)
    failure = json.loads(next((tmp_path / "model-digits" / "logs").glob("*.failure.json")).read_text())
    assert (failure["command"], failure["exit_code"]) == ("train", 1)
    with pytest.raises(TrainingFailed):
        train_model(job_in(tmp_path, "fails_at=6", new_run=True))
    assert [path.name for path in runs_below(tmp_path)] == [run.name, f"{run.name}-2"]


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path):
    outcome = train_model(job_in(tmp_path, processes=2))
    assert outcome.decision.is_granted
    assert dict(outcome.version.made_of)["trained on"] == "cpu, 2 processes"


@pytest.mark.slow
def test_wrong_settings_are_one_sentence_and_leave_no_model(tmp_path: Path):
    with pytest.raises(TrainingFailed, match=r"there is no setting 'row'; .* did you mean rows\?$") as raised:
        train_model(job_in(tmp_path, "row=3"))
    assert exit_code_of(raised.value) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_another_recipe_takes_none_of_this(first: TrainOutcome, root: Path):
    with pytest.raises(ValueError, match=f"'digits' is one of {RECIPE}, and not of superres; give another name"):
        require_recipe(model_folder(root, "digits"), "superres")
