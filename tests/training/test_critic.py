"""The critic of the lesson: its layers, its spectral norms, and the loss that is the mean over its places."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from training.critic import Critic
from training.gan_losses import GeneratorLoss, critic_terms, verdict_loss
from training.pixel_ranges import imagenet_normalised


def test_the_layers_are_those_of_fastais_gan_critic():
    critic = Critic()
    convs = [(layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0])
             for layer in critic.modules() if isinstance(layer, nn.Conv2d)]  # fmt: skip
    # gan_critic(n_channels=3, nf=128, n_blocks=3): one, a dense block of two that doubles, three that double, one.
    dense, halving = [(128, 128, 3, 1)] * 2, [(256, 512, 4, 2), (512, 1024, 4, 2), (1024, 2048, 4, 2)]
    assert convs == [(3, 128, 4, 2), *dense, *halving, (2048, 1, 4, 1)]
    assert [layer.p for layer in critic.modules() if isinstance(layer, nn.Dropout2d)] == [0.075, 0.15, 0.15, 0.15]
    assert sum(isinstance(layer, nn.Conv1d) for layer in critic.modules()) == 3
    assert all("parametrizations" in name for name, _ in critic.named_parameters() if name.endswith("original"))


def test_no_convolution_stretches_what_goes_through_it():
    torch.manual_seed(0)
    critic = Critic(width=8, blocks=1).train()
    for _ in range(30):  # each pass brings the estimate of the largest singular value nearer
        critic(torch.rand(1, 3, 16, 16))
    critic.eval()
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d):
            largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)
            assert largest == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(("side", "places"), [(16, 1), (31, 16), (32, 25), (48, 81)])
def test_the_number_of_verdicts_grows_with_the_picture(side: int, places: int):
    assert Critic(width=4, blocks=1)(torch.rand(2, 3, side, side)).shape == (2, places)


def test_a_picture_that_is_too_small_is_refused_with_the_smallest_side():
    with pytest.raises(ValueError, match=r"at least 64 pixels, got \(48, 64\); take larger pictures or crops"):
        Critic(width=4, blocks=3)(torch.rand(1, 3, 48, 64))


def test_the_loss_is_the_mean_over_places_and_halves():
    verdicts = torch.tensor([[0.0, 2.0], [-1.0, 3.0]])
    expected = F.softplus(-verdicts).mean()  # -log of the sigmoid
    assert verdict_loss(verdicts, 1.0) == pytest.approx(expected.item())
    terms = critic_terms(nn.Identity(), torch.full((2, 3), -1.0), verdicts)
    assert terms["critic_on_real"] == pytest.approx(expected.item() / 2)
    assert terms["critic_on_generated"] == pytest.approx(F.softplus(torch.tensor(-1.0)).item() / 2)


def test_the_pixel_weight_belongs_to_imagenets_range_and_is_979_times_an_error_in_unit_range():
    torch.manual_seed(0)
    restored, original = torch.rand(2, 2, 3, 8, 8).unbind()
    terms = GeneratorLoss(1.0, 50.0).terms(nn.Flatten(), restored, original)
    assert terms["generator_on_pixels"] == pytest.approx(
        50 * F.mse_loss(imagenet_normalised(restored), imagenet_normalised(original)).item()
    )
    grey = GeneratorLoss(1.0, 50.0).terms(nn.Flatten(), original + 0.01, original)
    assert grey["generator_on_pixels"].item() == pytest.approx(979 * 0.01**2, rel=1e-3)
    # On [-1, 1] the same error is twice as large.
    assert grey["generator_on_pixels"].item() == pytest.approx(245 * 0.02**2, rel=2e-3)
