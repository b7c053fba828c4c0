"""The U-Net of the lesson: its counts are those of fastai 1.0.61, whose code counted them once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.torchvision_import import torchvision
from training.unet import UNet, resnet34_body
from training.unet_layers import Attention, PixelShuffleUpsampling, start_even

# DynamicUnet on torchvision's resnet34, 3 channels out, norm_type=Weight, blur=True; without and with self_attention.
FASTAI_PARAMETERS = {"none": 41_229_213, "self": 41_413_534}


@pytest.fixture(scope="module")
def unet() -> UNet:
    torch.manual_seed(0)
    return UNet(encoder="random", attention="self")


def test_parameter_counts_are_those_of_fastai(unet: UNet):
    assert sum(parameter.numel() for parameter in unet.parameters()) == FASTAI_PARAMETERS["self"]
    assert sum(parameter.numel() for parameter in UNet(encoder="random").parameters()) == FASTAI_PARAMETERS["none"]


def test_the_network_has_the_lessons_layers(unet: UNet):
    # ResNet-34 has 36 convolutions here: 33 of 3×3 with its stem, 3 of 1×1 beside them.
    kinds = [sum(isinstance(layer, nn.Conv2d) for layer in part.modules()) for part in (unet.encoder, unet)]
    # Beyond it: 2 in the middle, 3 in each of 4 blocks, 1 to full size, 2 and 1 at the end.
    assert kinds == [36, 36 + 2 + 12 + 1 + 2 + 1]
    assert [block.width for block in unet.ascent] == [512, 384, 256, 96]
    assert sum(isinstance(layer, Attention) for layer in unet.modules()) == 1


def test_the_layer_groups_are_the_lessons_and_leave_nothing_out(unet: UNet):
    groups = unet.layer_groups()
    # The stem and two stages; two stages; the rest.
    assert [sum(parameter.numel() for parameter in group) for group in groups] == [1_347_904, 19_936_768, 20_128_862]
    assert {id(p) for group in groups for p in group} == {id(p) for p in unet.parameters()}


def test_every_parameter_gets_a_gradient(unet: UNet):
    unet.train()
    images = torch.rand(2, 3, 64, 64)
    restored = unet(images)
    assert restored.shape == images.shape
    (restored - images).abs().mean().backward()
    # Attention starts as the identity: what it looks with learns from the second step on.
    idle = {name for name, parameter in unet.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert all(".layers.3." in name for name in idle), idle
    assert any(name.endswith("share") for name, _ in unet.named_parameters() if name not in idle)


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 31)])
def test_any_size_comes_out_as_it_went_in(unet: UNet, size: tuple[int, int]):
    unet.eval()
    with torch.no_grad():
        assert unet(torch.rand(1, 3, *size)).shape == (1, 3, *size)


def test_the_encoder_takes_its_weights_from_torchvisions_file(tmp_path: Path):
    resnet = torchvision.models.resnet34()
    torch.save(resnet.state_dict(), tmp_path / "resnet34.pth")
    encoder = resnet34_body(tmp_path / "resnet34.pth").eval()
    x = torch.rand(1, 3, 32, 32)
    layers = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    expected = nn.Sequential(*(getattr(resnet, name) for name in layers)).eval()
    torch.testing.assert_close(encoder(x), expected(x))


# ---- Upsampling


def subpixels_differ(made: Tensor) -> float:
    """How much the pixels of each square of 2×2 differ."""
    squares = F.pixel_unshuffle(made, 2).unflatten(1, (-1, 4))
    return float((squares.amax(2) - squares.amin(2)).max().detach())


def test_subpixels_start_equal_also_with_weight_normalisation():
    upsampling = PixelShuffleUpsampling(8, 6, blur="none")
    made = upsampling(torch.randn(2, 8, 5, 5))
    assert made.shape == (2, 6, 10, 10)
    assert made.std() > 0.1
    assert subpixels_differ(made) < 1e-6


def test_without_the_even_start_subpixels_differ():
    assert subpixels_differ(F.pixel_shuffle(nn.Conv2d(8, 24, 1)(torch.randn(2, 8, 5, 5)), 2)) > 0.1


def test_each_channel_of_an_even_start_is_another():
    conv = nn.Conv2d(8, 24, 1)
    start_even(conv)
    assert len({tuple(weight.flatten().tolist()) for weight in conv.weight}) == 6
    assert conv.bias is not None
    assert not conv.bias.any()


def test_blur_is_the_mean_of_each_pixel_with_those_above_and_to_the_left():
    torch.manual_seed(1)
    plain = PixelShuffleUpsampling(4, 3, blur="none")
    torch.manual_seed(1)
    blurred = PixelShuffleUpsampling(4, 3, blur="average")
    x = torch.randn(1, 4, 3, 3)
    made, mean = plain(x), blurred(x)
    expected = (made[..., 1:, 1:] + made[..., :-1, 1:] + made[..., 1:, :-1] + made[..., :-1, :-1]) / 4
    torch.testing.assert_close(mean[..., 1:, 1:], expected)


# ---- Attention


def test_attention_starts_as_the_identity_and_is_the_papers_sum():
    attention = Attention(16).eval()
    x = torch.randn(2, 16, 3, 5)
    torch.testing.assert_close(attention(x), x)
    attention.share.data.fill_(0.7)
    flat = x.flatten(2)
    asked, offered, given = (conv(flat) for conv in (attention.asked, attention.offered, attention.given))
    alike = torch.einsum("bci,bcj->bij", asked, offered).softmax(dim=2)
    expected = flat + 0.7 * torch.einsum("bcj,bij->bci", given, alike)
    torch.testing.assert_close(attention(x), expected.view_as(x))


# ---- Learning


@pytest.mark.slow
def test_one_batch_is_learnt_by_heart_in_40_steps():
    network = UNet(encoder="random")
    images = torch.rand(2, 3, 8, 8).repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    damaged = (images + 0.1 * torch.randn_like(images)).clamp(0, 1)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(40):
        loss = F.l1_loss(network(damaged), images)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < losses[0]
