"""Features of published rows: the vectors that they ought to be, computed once each however often a run is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from storage import Tiers, open_version
from storage.datasets import create_dataset
from storage.features import open_features
from storage.locking import dataset_lock
from storage.models import MODELS, PREFIX
from storage.registration import register
from storage.run_directory import RunDirectory
from storage.scratch import scratch_folder
from tests.storage.stored_models import promoted
from tests.training.class_pictures import published_stripes
from tests.training.warm_process import WarmProcess
from training.__main__ import main
from training.backbone import Config, image_encoder
from training.torchvision_import import torchvision

NAME = "features-stripes-resnet18"
CPU = torch.device("cpu")
SHARDS = 20


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with 80 rows in 20 shards, and beside it the images that they were made of."""
    return published_stripes(tmp_path_factory.mktemp("stripes"), each=20, rows_per_shard=4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return path


@pytest.fixture
def slow(published: Path, tmp_path: Path) -> Path:
    """A root of the test's own."""
    return Path(shutil.copytree(published, tmp_path / "slow"))


def command(slow: Path, weights: Path, *options: object, report: Path | None = None) -> list[str]:
    given = ["--network", "resnet18", "--weights", weights, "--size", 32, "--batch-size", 4, "--cpu-threads", 1]
    where = ["--slow", slow, "--device", "cpu", "--report", report or slow.parent / "report.txt"]
    return [str(each) for each in ("features", "stripes", *where, *given, *options)]


def told(slow: Path) -> list[dict[str, Any]]:
    path = slow.parent / "report.txt"
    whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]


def receipts(slow: Path) -> dict[str, tuple[int, int]]:
    """Return when each receipt was written, and where on the disk it lies."""
    found = {path.name: path.stat() for path in (slow / NAME / "receipts").iterdir()}
    return {name: (stat.st_mtime_ns, stat.st_ino) for name, stat in found.items()}


def vectors_on_disk(slow: Path, *, number: int = 1) -> bytes:
    """Return the bytes of all vectors of a version, read by its record alone."""
    folder = slow / NAME
    body = json.loads((folder / "versions" / f"{number:08d}.json").read_bytes())["body"]
    names = {file["name"]: file["stored"]["name"] for file in body["files"]}
    shards = sorted(name for name in names if name.endswith(".npy"))
    return b"".join(np.load(folder / "objects" / names[name]).tobytes() for name in shards)


@pytest.fixture(scope="module")
def uninterrupted(published: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root on which the features were computed by one run that nothing happened to."""
    slow = Path(shutil.copytree(published, tmp_path_factory.mktemp("uninterrupted") / "slow"))
    assert main(command(slow, weights)) == 0
    return slow


# ---- What they are


def test_the_vectors_are_what_torchvisions_network_gives_before_its_classifier(uninterrupted: Path, weights: Path):
    network = torchvision.models.resnet18()
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.fc = nn.Identity()  # type: ignore[assignment]
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    tiers = Tiers(uninterrupted, uninterrupted)
    with open_version(tiers, "stripes") as version, open_features(tiers, NAME) as features:
        images = torch.from_numpy(version.rows(32)[:]).permute(0, 3, 1, 2) / 255
        with torch.no_grad():
            wanted = network.eval()(normalise(images)).numpy()
        np.testing.assert_allclose(features.matrix, wanted, rtol=1e-3, atol=1e-4)
        assert (features.source.dataset, features.source.number) == ("stripes", 1)
        assert features.source.identity == version.version.identity
        assert features.facts.rows == tuple(shard.rows for shard in version.version.shards)
        assert (features.size, features.dimensions) == (32, 512)
        assert features.encoder.startswith("resnet18 ")


def test_progress_is_told_line_by_line_and_the_version_at_the_end(uninterrupted: Path):
    *lines, last = told(uninterrupted)
    assert last == {"version": 1, "is_new": True, "computed": SHARDS}
    assert [line["computed"] for line in lines if line["computed"]][-1] == SHARDS
    rows = [line["rows"] for line in lines]
    assert rows == sorted(rows)
    assert (lines[0]["rows"], lines[-1]["rows"], {line["of"] for line in lines}) == (0, 80, {80})


def test_the_card_shows_rows_with_their_neighbours(uninterrupted: Path):
    (card,) = (uninterrupted / NAME / "objects").glob("card-*.md")
    text = card.read_text()
    assert "A vector of 512 numbers for each of 80 rows of `stripes`." in text
    assert "data:image/jpeg;base64," in text


def test_a_model_of_a_recipe_gives_the_vectors_of_its_encoder(slow: Path, tmp_path: Path):
    run = RunDirectory(tmp_path / "run")
    settings = ["dataset=stripes", "size=16", "width=4", "epochs=0.5", "batch_size=8", "loop.cpu_threads=1"]
    where = ["--run-dir", str(run.path), "--device", "cpu", "--slow", str(slow)]
    assert main(["backbone", *where, *settings]) == 0
    folder = create_dataset(slow, f"{PREFIX}backbone", kind=MODELS)
    with scratch_folder(folder) as scratch:
        version = register(folder, run, request="1" * 64, made_of=(), card="# {}\n".format, scratch=scratch)
    promoted(folder, version)
    asked = ["features", "stripes", "--slow", str(slow), "--device", "cpu", "--model", "backbone@current"]
    assert main([*asked, "--report", str(tmp_path / "report.txt")]) == 0
    tiers = Tiers(slow, slow)
    with open_version(tiers, "stripes") as images, open_features(tiers, "features-stripes-backbone") as features:
        encode = image_encoder(Config("stripes", slow, size=16, width=4), run.weights, device=CPU)
        wanted = encode(torch.from_numpy(images.rows(16)[:]).permute(0, 3, 1, 2)).numpy()
        np.testing.assert_allclose(features.matrix, wanted, rtol=1e-4, atol=1e-5)
        assert (features.encoder, features.size, features.dimensions) == ("backbone@1", 16, 32)


def test_in_bf16_the_vectors_are_others_but_alike(slow: Path, uninterrupted: Path, weights: Path):
    assert main(command(slow, weights, "--precision", "bf16")) == 0
    half, whole = (np.frombuffer(vectors_on_disk(root), np.float32) for root in (slow, uninterrupted))
    assert not np.array_equal(half, whole)
    np.testing.assert_allclose(half, whole, rtol=0.1, atol=0.15)


# ---- Interrupted, damaged, repeated


class Started:
    """A run in another process."""

    def __init__(self, warm: WarmProcess, slow: Path, arguments: list[str]) -> None:
        self._warm, self._slow = warm, slow
        self.pid = warm.start(arguments, errors=slow.parent / "errors.txt")

    def wait_for_shard(self, count: int) -> None:
        give_up = time.monotonic() + 120
        while not any((line.get("computed") or 0) >= count for line in told(self._slow)):
            assert time.monotonic() < give_up, (self._slow.parent / "errors.txt").read_text()
            time.sleep(0.002)

    def end_by(self, number: signal.Signals) -> int:
        os.kill(self.pid, number)
        return self._warm.wait(self.pid)


@pytest.mark.parametrize("reach", [1, 7, 13])
def test_a_killed_run_goes_on_without_computing_a_finished_shard_again(
    slow: Path, weights: Path, uninterrupted: Path, warm_process: WarmProcess, reach: int
):
    started = Started(warm_process, slow, command(slow, weights))
    started.wait_for_shard(reach)
    assert started.end_by(signal.SIGKILL) == -signal.SIGKILL
    finished = receipts(slow)
    assert reach <= len(finished) < SHARDS
    assert not list((slow / NAME / "versions").iterdir())
    assert main(command(slow, weights)) == 0
    assert told(slow)[-1] == {"version": 1, "is_new": True, "computed": SHARDS - len(finished)}
    assert finished.items() <= receipts(slow).items()
    assert vectors_on_disk(slow) == vectors_on_disk(uninterrupted)


def test_a_run_killed_twice_gives_the_same_bytes(
    slow: Path, weights: Path, uninterrupted: Path, warm_process: WarmProcess
):
    for reach in (3, 5):
        (slow.parent / "report.txt").unlink(missing_ok=True)
        started = Started(warm_process, slow, command(slow, weights))
        started.wait_for_shard(reach)
        started.end_by(signal.SIGKILL)
    assert main(command(slow, weights)) == 0
    assert told(slow)[-1]["computed"] <= SHARDS - 8
    assert vectors_on_disk(slow) == vectors_on_disk(uninterrupted)


def test_asked_to_stop_a_run_ends_after_the_shard_in_hand_with_75(
    slow: Path, weights: Path, uninterrupted: Path, warm_process: WarmProcess
):
    started = Started(warm_process, slow, command(slow, weights))
    started.wait_for_shard(2)
    assert started.end_by(signal.SIGTERM) == 75
    finished = receipts(slow)
    assert 2 <= len(finished) < SHARDS
    said = (slow.parent / "errors.txt").read_text().strip().splitlines()[-1]
    assert said == f"{len(finished)} of {SHARDS} shards were computed; run it again to go on"
    assert main(command(slow, weights)) == 0
    assert told(slow)[-1]["computed"] == SHARDS - len(finished)
    assert vectors_on_disk(slow) == vectors_on_disk(uninterrupted)


def test_a_second_run_computes_nothing_and_publishes_nothing(slow: Path, weights: Path):
    assert main(command(slow, weights)) == 0
    before = receipts(slow)
    assert main(command(slow, weights)) == 0
    assert told(slow)[-1] == {"version": 1, "is_new": False, "computed": 0}
    assert receipts(slow) == before


def test_a_damaged_shard_is_computed_again_to_the_bit(slow: Path, weights: Path, uninterrupted: Path):
    assert main(command(slow, weights)) == 0
    path = sorted((slow / NAME / "objects").glob("*.npy"))[4]
    sound = path.read_bytes()
    path.write_bytes(sound[:200] + bytes([sound[200] ^ 1]) + sound[201:])
    assert main(command(slow, weights)) == 0
    assert told(slow)[-1] == {"version": 1, "is_new": False, "computed": 1}
    assert path.read_bytes() == sound
    assert vectors_on_disk(slow) == vectors_on_disk(uninterrupted)


def test_of_a_dataset_that_has_grown_only_the_new_shards_are_computed(tmp_path: Path, weights: Path):
    slow = published_stripes(tmp_path, each=8, rows_per_shard=4)
    assert main(command(slow, weights)) == 0
    first = vectors_on_disk(slow)
    published_stripes(tmp_path, each=10, rows_per_shard=4)
    assert main(command(slow, weights)) == 0
    assert told(slow)[-1] == {"version": 2, "is_new": True, "computed": 2}
    assert vectors_on_disk(slow, number=2).startswith(first)
    with open_features(Tiers(slow, slow), NAME) as features:
        assert (features.source.number, len(features)) == (2, 40)


# ---- Mistakes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "the rows have several sizes, 32, 16: say with --size which resnet18 shall see"),
        (("--size", "16"), "resnet18 takes pictures of at least 32 pixels, got 16"),
        (("--size", "64"), "stripes has no size 64; it has: 32, 16"),
        (("--size", "32", "--network", "vgg"), "there is no backbone 'vgg'; there are: small, resnet18"),
        (("--size", "32", "--model", "backbone"), "give one of --model and --network"),
        (("--size", "32", "--weights", "nowhere.pth"), "nowhere.pth is not there; give the file"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    slow: Path, weights: Path, options: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
):
    given = ["features", "stripes", "--slow", str(slow), "--device", "cpu", "--network", "resnet18"]
    assert main([*given, "--weights", str(weights), *options]) == 2
    assert said in capfd.readouterr().err
    assert not (slow / NAME).exists()


def test_a_network_that_gives_no_numbers_publishes_nothing(
    slow: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    network = torchvision.models.resnet18()
    nn.init.constant_(network.conv1.weight, torch.nan)
    torch.save(network.state_dict(), tmp_path / "broken.pth")
    assert main(command(slow, tmp_path / "broken.pth")) == 1
    assert "finite numbers were expected; nothing was published" in capfd.readouterr().err
    assert not list((slow / NAME / "versions").iterdir())
    assert not receipts(slow)


def test_one_run_at_a_time_computes_features_of_a_name(slow: Path, weights: Path, capfd: pytest.CaptureFixture[str]):
    folder = create_dataset(slow, NAME, kind="features")
    with dataset_lock(folder):
        assert main(command(slow, weights)) == 11
    assert "is being built by process" in capfd.readouterr().err
