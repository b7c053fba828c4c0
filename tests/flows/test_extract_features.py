"""`imagemill features`: published, staged, shown, and nothing to do the second time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from flows.command_line import app
from flows.feature_job import FeatureJob
from storage.features import open_features
from storage.tiers import Tiers
from storage.verification import verified
from tests.training.class_pictures import published_stripes
from training.torchvision_import import torchvision

REPOSITORY = Path(__file__).parents[2]
NAME = "features-stripes-resnet18"


@dataclass(frozen=True)
class Roots:
    """A prepared dataset below two roots, and weights of a network."""

    tiers: Tiers
    weights: Path

    def features(self, *options: object) -> Result:
        given = ["--network", "resnet18", "--weights", self.weights, "--size", 32, "--batch-size", 4]
        roots = ["--slow", self.tiers.slow, "--fast", self.tiers.fast]
        on_what = ["--device", "cpu", "--cpu-threads", 1]
        arguments = ["features", "stripes", *given, *roots, *on_what, *options]
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def facts(self, *options: object) -> dict[str, Any]:
        result = self.features(*options, "--json")
        assert result.exit_code == 0, (result.output, result.stderr, result.exception)
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def prepared(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Roots:
    root = tmp_path_factory.mktemp("features")
    slow = published_stripes(root, each=10, rows_per_shard=4)
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18().state_dict(), root / "resnet18.pth")
    return Roots(Tiers(slow, root / "fast"), root / "resnet18.pth")


@pytest.fixture
def roots(prepared: Roots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roots:
    """Roots of the test's own."""
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    slow = Path(shutil.copytree(prepared.tiers.slow, tmp_path / "slow"))
    return Roots(Tiers(slow, tmp_path / "fast"), prepared.weights)


def test_they_are_published_whole_staged_and_told_and_nothing_is_started_for_them_again(
    roots: Roots, monkeypatch: pytest.MonkeyPatch
):
    facts = roots.facts()
    assert (facts["status"], facts["name"], facts["version"], facts["computed"]) == ("published", NAME, 1, 10)
    assert (facts["features"]["dimensions"], sum(facts["features"]["rows"])) == (512, 40)
    assert Path(facts["card"]).read_text().startswith(f"# {NAME}, version 1")
    assert verified(roots.tiers, NAME, share=1.0).is_whole
    copies = roots.tiers.fast / NAME / "objects"
    assert len(list(copies.glob("*.npy"))) == 10
    # Whatever is started from here on fails.
    monkeypatch.setattr("sys.executable", "/bin/false")
    again = roots.features()
    assert again.exit_code == 0, again.output
    assert again.stdout.splitlines()[0] == f"{NAME}: nothing to do, version 1 holds these vectors"
    assert "  vectors   40 of 512 numbers" in again.stdout
    shutil.rmtree(roots.tiers.slow / NAME / "objects")
    with open_features(roots.tiers, NAME) as features:
        assert features.matrix.shape == (40, 512)
        assert np.isfinite(features.matrix).all()


@pytest.mark.slow
def test_a_missing_object_is_computed_again(roots: Roots):
    roots.facts()
    sorted((roots.tiers.slow / NAME / "objects").glob("*.npy"))[0].unlink()
    facts = roots.facts()
    assert (facts["status"], facts["version"], facts["computed"]) == ("unchanged", 1, 1)
    assert verified(roots.tiers, NAME, share=1.0).is_whole


@pytest.mark.slow
def test_a_run_that_somebody_else_stops_goes_on_by_itself(roots: Roots):
    stopped: list[int] = []

    def stop_once() -> None:
        give_up = time.monotonic() + 120
        while time.monotonic() < give_up and not stopped:
            receipts = roots.tiers.slow / NAME / "receipts"
            if receipts.is_dir() and any(receipts.iterdir()):
                stopped.extend(child.pid for child in psutil.Process().children() if "features" in child.cmdline())
                for number in stopped:
                    os.kill(number, signal.SIGTERM)
            time.sleep(0.002)

    thread = threading.Thread(target=stop_once)
    thread.start()
    facts = roots.facts()
    thread.join()
    assert stopped
    assert (facts["status"], facts["version"]) == ("published", 1)
    assert facts["computed"] < 10


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        # What only the training process knows: starting one takes seconds.
        pytest.param(("--network", "vgg"), 2, "there is no backbone 'vgg'", marks=pytest.mark.slow),
        (("--weights", "nowhere.pth"), 2, "nowhere.pth is not there; give the file of a torchvision state dict"),
        pytest.param(("--size", "64"), 2, "stripes has no size 64; it has: 32, 16", marks=pytest.mark.slow),
        (("--model", "backbone"), 2, "give one of --model and --network"),
        (("--version", "7"), 2, "stripes has no version 7; it has: 1"),
        (("--name", "stripes"), 2, "is a dataset of images, and cannot take features; choose another name"),
    ],
)
def test_what_cannot_be_is_one_sentence_with_its_exit_code(
    roots: Roots, options: tuple[str, ...], code: int, said: str
):
    result = roots.features(*options)
    assert result.exit_code == code, (result.output, result.exception)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert said in line


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "features are made by a model or by a network"),
        ({"network": "resnet50"}, "--network resnet50 needs --weights, a file of torchvision's"),
        ({"model": "backbone", "size": 32}, "a model knows its weights and the size of its pictures"),
        ({"model": "backbone@x"}, "a model is named like"),
        ({"model": "backbone", "name": "a/b"}, "give another one with --name"),
        ({"model": "backbone", "precision": "int8"}, "'float32', 'bf16' or 'fp16'"),
    ],
)
def test_a_job_that_cannot_be_is_refused_before_anything_begins(fields: dict[str, Any], said: str, tmp_path: Path):
    with pytest.raises(ValidationError, match=said):
        FeatureJob(dataset="demo", slow=tmp_path, fast=tmp_path, **fields)


def test_features_are_named_after_the_dataset_and_the_model(tmp_path: Path):
    job = FeatureJob(dataset="demo", slow=tmp_path, fast=tmp_path, model="backbone@current")
    assert job.features == "features-demo-backbone"
