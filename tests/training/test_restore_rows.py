"""Restored rows of pairs: published beside the same good rows, shard by shard, and not twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from storage.datasets import create_dataset
from storage.pair_versions import BAD, GOOD, PAIRS
from storage.reading import open_pairs
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from storage.verification import verified
from tasks.ops.repair import repair_dataset
from tasks.ops.row_restorer import RowRestorer
from tests.training.gan_models import SIDE, generator, publish_photo_pairs, register_players
from training.__main__ import main
from training.interruption import Interruption
from training.restorers import RestorerShape, make_restorer
from training.row_restoring import Restoring, publish_restored

DATASET = "photos-numbers-restored"


@pytest.fixture(scope="module")
def pairs_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("restore") / "root"
    root.mkdir()
    publish_photo_pairs(root)
    register_players(root)
    return root


def restored(root: Path, name: str, *options: str) -> int:
    return main(["restore-rows", "photos-numbers", "--name", name, "--slow", str(root), "--device", "cpu", *options])


def arrays(root: Path, name: str) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    with open_pairs(Tiers(root, root), name) as pairs:
        rows = pairs.array(GOOD)[0 : len(pairs)], pairs.array(BAD)[0 : len(pairs)]
        return *rows, pairs.splits.tolist(), [stored.name for stored in pairs.version.objects]


def test_each_row_is_what_the_network_makes_of_it_beside_the_good_row_of_before(pairs_root: Path):
    assert restored(pairs_root, DATASET) == 0
    good, bad, splits, objects = arrays(pairs_root, DATASET)
    before = arrays(pairs_root, "photos-numbers")
    np.testing.assert_array_equal(good, before[0])
    assert splits == before[2]
    with torch.no_grad():
        inputs = torch.from_numpy(before[1]).permute(0, 3, 1, 2).float() / 255
        expected = (generator().eval()(inputs).clamp(0, 1) * 255).permute(0, 2, 3, 1).numpy()
    # Batches of other sizes may round a value the other way.
    assert np.abs(bad - expected).max() <= 0.51
    shared = set(objects) & set(before[3])
    links = {(pairs_root / DATASET / "objects" / name).stat().st_nlink for name in shared}
    assert shared
    assert min(links) >= 2
    assert verified(Tiers(pairs_root, pairs_root), DATASET, share=1.0).is_whole


def test_the_same_command_again_restores_nothing(pairs_root: Path, capfd: pytest.CaptureFixture[str]):
    assert restored(pairs_root, "again") == 0
    objects = {path: path.stat().st_mtime_ns for path in (pairs_root / "again" / "receipts").rglob("*.json")}
    capfd.readouterr()
    assert restored(pairs_root, "again") == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert told[-2:] == [{"rows": 82, "of": 82, "computed": 0}, {"version": 1, "is_new": False, "computed": 0}]
    assert {path: path.stat().st_mtime_ns for path in objects} == objects


def test_a_run_that_was_stopped_goes_on_after_its_last_shard_to_the_same_bytes(pairs_root: Path):
    assert restored(pairs_root, "whole") == 0
    tiers, interruption = Tiers(pairs_root, pairs_root), Interruption()

    def report(rows: int, of: int, computed: int) -> None:
        interruption.request()

    folder = create_dataset(pairs_root, "stopped", kind=PAIRS)
    with open_pairs(tiers, "photos-numbers") as pairs, scratch_folder(folder) as scratch:
        digest = restorer_digest(pairs_root, "whole")
        network = generator().eval()
        restoring = Restoring(
            tiers, "photos-numbers", pairs, RowRestorer("gan-generator@1", digest), network, torch.device("cpu")
        )
        with pytest.raises(KeyboardInterrupt, match=r"\d+ of 82 rows are restored; run it again to go on"):
            publish_restored(restoring, folder, scratch, interruption=interruption, report=report)
    first = {path: path.stat().st_mtime_ns for path in (pairs_root / "stopped" / "receipts").rglob("*.json")}
    assert len(first) == 1
    assert restored(pairs_root, "stopped") == 0
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert arrays(pairs_root, "stopped")[3][:-1] == arrays(pairs_root, "whole")[3][:-1]  # the last is the card


def restorer_digest(root: Path, name: str) -> str:
    with open_pairs(Tiers(root, root), name) as pairs:
        return json.loads(pairs.version.recipe)["restored_by"]


def test_a_damaged_restored_array_is_made_again_by_the_command_that_repair_names(pairs_root: Path):
    assert restored(pairs_root, "spoilt") == 0
    *_, objects = arrays(pairs_root, "spoilt")
    path = next(pairs_root / "spoilt" / "objects" / name for name in objects if "restored" in name)
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    tiers = Tiers(pairs_root, pairs_root)
    done = repair_dataset(tiers, "spoilt", source=None, workers=1)
    (why,) = set(done.unrepaired.values())
    assert "imagemill restore-rows photos-numbers --model gan-generator@1 --name spoilt" in why
    path.unlink()
    assert restored(pairs_root, "spoilt") == 0
    assert path.read_bytes() == whole
    assert verified(tiers, "spoilt", share=1.0).is_whole


def test_a_network_for_pictures_of_another_size_is_refused(pairs_root: Path):
    network = make_restorer(RestorerShape(width=4), scale=2)
    tiers = Tiers(pairs_root, pairs_root)
    with open_pairs(tiers, "photos-numbers") as pairs:
        restoring = Restoring(tiers, "x", pairs, RowRestorer("big@1", "0"), network, torch.device("cpu"))
        with pytest.raises(ValueError, match=rf"big@1 makes pictures 2 times as large, and x has bad ones of {SIDE} "):
            _ = restoring.plan


def test_what_cannot_be_restored_is_one_sentence(pairs_root: Path, capfd: pytest.CaptureFixture[str]):
    assert restored(pairs_root, "none", "--model", "gan-critic") == 2
    assert "was trained by gan-critic; here a model of gan-generator or gan is needed" in capfd.readouterr().err
    assert not (pairs_root / "none").exists()
