from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.backbones import BACKBONES, make_backbone
from training.image_encoders import NetworkEncoder
from training.torchvision_import import torchvision
from training.weights import UnfitWeights

CPU = torch.device("cpu")


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.parametrize(("name", "dimensions"), [("resnet18", 512), ("resnet34", 512), ("resnet50", 2048)])
def test_a_resnet_from_torchvisions_file_gives_what_its_classifier_would_see(
    name: str, dimensions: int, pictures: Tensor, tmp_path: Path
):
    torch.manual_seed(3)
    whole = getattr(torchvision.models, name)(num_classes=7).eval()
    backbone = make_backbone(name, saved(whole.state_dict(), tmp_path / "whole.pth")).eval()
    normalised = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(pictures)
    with torch.no_grad():
        found = backbone(pictures)
        torch.testing.assert_close(whole.fc(found), whole(normalised), rtol=1e-4, atol=1e-4)
    assert found.shape == (2, dimensions)
    assert backbone.dimensions == dimensions


@pytest.mark.parametrize("name", ["small", "resnet18"])
def test_a_backbone_is_taken_out_of_the_weights_of_a_classifier_of_ours(name: str, pictures: Tensor, tmp_path: Path):
    torch.manual_seed(4)
    trained = make_backbone(name, width=4).eval()
    classifier = nn.ModuleDict({"backbone": trained, "head": nn.Linear(trained.dimensions, 5)})
    again = make_backbone(name, saved(classifier.state_dict(), tmp_path / "weights.pt"), width=4).eval()
    with torch.no_grad():
        torch.testing.assert_close(again(pictures), trained(pictures))


@pytest.mark.parametrize("name", BACKBONES)
def test_every_parameter_is_in_one_layer_group_the_first_layers_first(name: str):
    backbone = make_backbone(name, width=4)
    first, last = backbone.layer_groups()
    grouped = [id(parameter) for parameter in first + last]
    assert sorted(grouped) == sorted(map(id, backbone.parameters()))
    assert first
    assert last
    entry = next(layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d))
    assert any(parameter is entry.weight for parameter in first)


@pytest.mark.parametrize("side", [16, 33, 64])
def test_the_small_network_takes_any_side_it_does_not_halve_away(side: int):
    backbone = make_backbone("small", width=4)
    assert backbone(torch.rand(3, 3, side, side)).shape == (3, 32)
    assert backbone.least_side == 16


def test_halving_starts_as_the_average_of_places_alone():
    stage = make_backbone("small", width=4).network.get_submodule("stage1").eval()
    inward = torch.rand(1, 4, 6, 6)
    weight = stage.get_parameter("short.1.weight").detach()[:, :, 0, 0]
    means = inward.reshape(1, 4, 3, 2, 3, 2).mean(dim=(3, 5))
    wanted = torch.relu(torch.einsum("oi,nihw->nohw", weight, means)) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(stage(inward), wanted, rtol=1e-4, atol=1e-5)


def test_the_weights_lie_channels_last_as_the_pictures_do():
    backbone = make_backbone("small", width=4)
    assert backbone.get_parameter("network.stem.0.weight").is_contiguous(memory_format=torch.channels_last)


def test_an_encoder_takes_stored_levels_and_gives_no_gradient():
    backbone = make_backbone("small", width=4)
    encode = NetworkEncoder(backbone, 32, backbone.dimensions, CPU)
    levels = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    found = encode(levels)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    # In evaluation mode: one picture alone gives what it gives among others.
    torch.testing.assert_close(encode(levels[:1]), found[:1])
    torch.testing.assert_close(found, backbone(levels / 255), rtol=1e-4, atol=1e-5)


# ---- Mistakes


def test_an_unknown_backbone_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="no backbone 'vgg'; there are: small, resnet18, resnet34, resnet50"):
        make_backbone("vgg")


def test_a_network_without_channels_is_refused():
    with pytest.raises(ValueError, match="at least 1 channel, got 0"):
        make_backbone("small", width=0)


def test_a_file_of_torchvisions_is_refused_for_the_small_network(tmp_path: Path):
    path = saved(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(UnfitWeights, match=r"resnet18\.pth holds no backbone.*weights\.pt of a run of the recipe"):
        make_backbone("small", path)


def test_weights_of_another_width_are_refused(tmp_path: Path):
    classifier = nn.ModuleDict({"backbone": make_backbone("small", width=8)})
    path = saved(classifier.state_dict(), tmp_path / "weights.pt")
    with pytest.raises(UnfitWeights, match=r"network\.stem\.0\.weight is \(8, 3, 3, 3\), expected \(4, 3, 3, 3\)"):
        make_backbone("small", path, width=4)
