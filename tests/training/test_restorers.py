"""Networks that restore pictures: sizes, a start that changes nothing, and what a setting makes."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch

from training.enlarging import bicubic
from training.restorers import RestorerShape, load_restorer, make_restorer
from training.small_unet import SmallUNet
from training.weights import UnfitWeights


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 48)])
def test_the_small_network_keeps_any_size_and_begins_as_the_identity(size: tuple[int, int]):
    images = torch.rand(2, 3, *size)
    assert torch.equal(SmallUNet(width=4)(images), images)


def test_every_parameter_of_the_small_network_learns_once_its_last_layer_has():
    torch.manual_seed(0)
    network, images = SmallUNet(width=4), torch.rand(4, 3, 16, 16)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):  # what begins as zero hides what is before it
        optimiser.zero_grad()
        (network(images) - images.flip(0)).square().mean().backward()
        optimiser.step()
    idle = [name for name, parameter in network.named_parameters() if not parameter.grad.any()]  # type: ignore[union-attr]
    assert idle == []


def test_bad_pictures_that_are_smaller_are_enlarged_first():
    network = make_restorer(RestorerShape(width=4), scale=2)
    images = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(network(images), bicubic(images, 2))


def test_a_network_is_loaded_without_the_file_that_its_encoder_began_with(tmp_path: Path):
    torch.manual_seed(0)
    network = make_restorer(RestorerShape("unet", encoder_weights="random"), scale=1).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    shape = RestorerShape("unet", encoder_weights=Path("/gone/resnet34.pth"))
    loaded, images = load_restorer(shape, tmp_path / "weights.pt", scale=1), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded(images), network(images))
        # A run keeps a copy of the generator that it began with.
        assert torch.equal(deepcopy(network)(images), network(images))
    assert len(loaded.layer_groups()) == 3
    with pytest.raises(UnfitWeights, match="holds the weights of another network"):
        load_restorer(RestorerShape(width=8), tmp_path / "weights.pt", scale=1)


def test_a_unet_without_weights_is_refused():
    with pytest.raises(ValueError, match="needs encoder_weights: a file of torchvision's resnet34, or 'random'"):
        RestorerShape("unet")
