from __future__ import annotations

import pickle
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import nn

from training.weights import UnfitWeights, load_weights, read_state


@pytest.fixture
def tiny() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_a_classifiers_file_fills_its_body(tiny: nn.Sequential, tmp_path: Path):
    classifier = nn.ModuleDict(
        {"features": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), "classifier": nn.Linear(4, 2)}
    )
    load_weights(tiny, saved(classifier.state_dict(), tmp_path / "whole.pth"), prefix="features.")
    for name, value in tiny.state_dict().items():
        torch.testing.assert_close(value, classifier.state_dict()[f"features.{name}"])


def test_a_file_without_counters_is_taken_as_they_once_were_saved(tiny: nn.Sequential, tmp_path: Path):
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    state = {name: value for name, value in other.state_dict().items() if "num_batches" not in name}
    load_weights(tiny, saved(state, tmp_path / "old.pth"))
    torch.testing.assert_close(tiny[0].weight, other[0].weight)


# ---- Mistakes


def test_another_networks_weights_are_named_with_what_is_missing(tiny: nn.Sequential, tmp_path: Path):
    path = saved({"features.0.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(UnfitWeights, match=r"other\.pth holds .* 5 of 7 tensors are missing, such as features\.0\.b"):
        load_weights(tiny, path, prefix="features.")


def test_a_tensor_of_another_shape_is_named_with_both(tiny: nn.Sequential, tmp_path: Path):
    state = tiny.state_dict() | {"0.weight": torch.zeros(4, 3, 5, 5)}
    with pytest.raises(UnfitWeights, match=r"0\.weight is \(4, 3, 5, 5\), expected \(4, 3, 3, 3\)"):
        load_weights(tiny, saved(state, tmp_path / "wide.pth"))


def test_a_file_that_is_not_there_is_named_with_what_to_give(tiny: nn.Sequential, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="is not there; give the file of a torchvision state dict, or 'random'"):
        load_weights(tiny, tmp_path / "none.pth")


@pytest.mark.parametrize("kept", [0, 10, 500])
def test_a_file_cut_short_is_damaged(tiny: nn.Sequential, tmp_path: Path, kept: int):
    path = saved(tiny.state_dict(), tmp_path / "cut.pth")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnfitWeights, match=r"cut\.pth is damaged or no state dict"):
        read_state(path)


def test_what_is_no_state_dict_is_refused(tmp_path: Path):
    with pytest.raises(UnfitWeights, match="holds list, expected a state dict"):
        read_state(saved([1, 2], tmp_path / "list.pth"))


class Command:
    """What a hostile pickle would have run."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("/tmp/imagemill-was-here"),)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path):
    path = tmp_path / "hostile.pth"
    path.write_bytes(pickle.dumps({"0.weight": Command()}, protocol=2))
    with pytest.raises(UnfitWeights, match=r"hostile\.pth is damaged or no state dict"):
        read_state(path)
    with pytest.raises(UnfitWeights, match=r"saved\.pth is damaged or no state dict"):
        read_state(saved({"0.weight": Command()}, tmp_path / "saved.pth"))
    assert not Path("/tmp/imagemill-was-here").exists()


def test_a_file_that_differs_from_the_digest_in_its_name_is_refused(tiny: nn.Sequential, tmp_path: Path):
    path = saved(tiny.state_dict(), tmp_path / "tiny.pth")
    digest = sha256(path.read_bytes()).hexdigest()
    load_weights(tiny, path.rename(tmp_path / f"tiny-{digest[:8]}.pth"))
    wrong = (tmp_path / f"tiny-{digest[:8]}.pth").rename(tmp_path / "tiny-00000000.pth")
    with pytest.raises(UnfitWeights, match=f"has SHA-256 {digest[:16]}…, but is named 00000000"):
        load_weights(tiny, wrong)
