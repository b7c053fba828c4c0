from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tasks.ops.checkerboard import checkerboard_share
from training.enlarging import bicubic
from training.johnson import Johnson, Upsampling


def counted(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_full_size_network_has_the_papers_layers_and_this_many_parameters():
    network = Johnson()
    # 9×9 from 3 to 64 and back, 4 blocks of two 3×3, two upsamplings; a norm has two numbers a channel.
    expected = (81 * 3 * 64 + 128) + 4 * 2 * (9 * 64 * 64 + 128) + 2 * (9 * 64 * 64 + 128) + (81 * 64 * 3 + 3)
    assert counted(network) == counted(Johnson(upsampling="transposed")) == expected == 401_155
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.modules()) == 12


def test_72_pixels_become_288_and_every_parameter_gets_a_gradient():
    network = Johnson()
    enlarged = network(torch.rand(2, 3, 72, 72))
    assert enlarged.shape == (2, 3, 288, 288)
    assert enlarged.min() >= 0
    assert enlarged.max() <= 1
    enlarged.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (5, 7)])
def test_every_size_becomes_scale_times_as_large(upsampling: Upsampling, scale: int, size: tuple[int, int]):
    network = Johnson(width=4, blocks=1, scale=scale, upsampling=upsampling, norm="none", skip="bicubic")
    assert network(torch.rand(1, 3, *size)).shape == (1, 3, size[0] * scale, size[1] * scale)


def test_with_a_skip_training_starts_from_the_bicubic_enlargement():
    network, small = Johnson(width=4, blocks=1, skip="bicubic"), torch.rand(1, 3, 9, 11)
    torch.testing.assert_close(network(small), bicubic(small, 4))


@pytest.mark.parametrize("scale", [0, 1, 3, 6])
def test_a_scale_that_doublings_do_not_reach_is_refused(scale: int):
    with pytest.raises(ValueError, match=f"scale must be a power of two, 2 or more, .* got {scale}"):
        Johnson(scale=scale)


def test_unknown_options_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="upsampling must be nearest or transposed, got 'x'"):
        Johnson(upsampling="x")  # pyright: ignore[reportArgumentType] - that is the mistake
    with pytest.raises(ValueError, match="norm must be batch or none, got 'x'"):
        Johnson(norm="x")  # pyright: ignore[reportArgumentType] - that is the mistake


# ---- The checkerboard


def board(upsampling: Upsampling) -> float:
    """The checkerboard's share of what one untrained upsampling makes of even grey and of noise around it."""
    network = Johnson(width=16, blocks=1, scale=2, upsampling=upsampling, norm="none")
    small = 0.5 + 0.05 * torch.rand(8, 3, 40, 40)
    with torch.no_grad():
        # The last layer is left out: trained or not, it smooths what it gets.
        drawn = network.layers[:-1](2 * small - 1)
    inner = drawn[..., 16:-16, 16:-16].flatten(0, 1).numpy()
    return checkerboard_share(inner, 2)


def test_nearest_and_convolution_draws_no_checkerboard_where_transposed_convolution_does():
    shares = {upsampling: board(upsampling) for upsampling in ("nearest", "transposed")}
    assert shares["nearest"] < 0.01
    assert shares["transposed"] > 0.5


def test_even_grey_stays_even_in_the_whole_network_but_for_transposed_convolution():
    grey = torch.full((1, 3, 40, 40), 0.4)
    spread = {}
    for upsampling in ("nearest", "transposed"):
        network = Johnson(width=16, blocks=1, upsampling=upsampling, norm="none")
        with torch.no_grad():
            spread[upsampling] = float(np.ptp(network(grey)[0, 0, 32:-32, 32:-32].numpy()))
    assert spread["nearest"] < 1e-5
    assert spread["transposed"] > 1e-3


# ---- Learning


def test_one_batch_is_learnt_by_heart_by_the_full_size_network_in_40_steps():
    assert learnt_by_heart(Johnson(), steps=40) < 0.25


def learnt_by_heart(network: Johnson, *, steps: int) -> float:
    """Train on one batch; return the last error over the first."""
    blocks = torch.rand(2, 3, 6, 6).repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    small = nn.functional.avg_pool2d(blocks, network.scale)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    errors = []
    for _ in range(steps):
        error = nn.functional.mse_loss(network(small), blocks)
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    return errors[-1] / errors[0]
