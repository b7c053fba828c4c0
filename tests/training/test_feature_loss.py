"""The losses, compared with sums written out by hand and with the lesson's own way of taking features by hooks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from training.extractor import Extractor, vgg_extractor
from training.feature_loss import FeatureLoss, PerceptualLoss, PixelLoss, feature_loss, gram_matrix, perceptual_loss
from training.torchvision_import import torchvision

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@pytest.fixture
def layers() -> nn.Sequential:
    """A tiny network; both feature maps end in a ReLU, and the second stage would begin with one in place."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU(inplace=True)
    )


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    return torch.rand(2, 3, 10, 8), torch.rand(2, 3, 10, 8)


def features(layers: nn.Sequential, images: Tensor) -> list[Tensor]:
    """The feature maps after layers 1 and 4, of functions without a side effect."""
    first = layers[0]((images - MEAN) / DEVIATION).clamp(min=0)
    return [first, layers[3](nn.functional.max_pool2d(first, 2)).clamp(min=0)]


def gram_by_hand(features: Tensor) -> Tensor:
    count, channels, height, width = features.shape
    out = torch.zeros(count, channels, channels)
    for image in range(count):
        for a in range(channels):
            for b in range(channels):
                out[image, a, b] = (features[image, a] * features[image, b]).sum() / (channels * height * width)
    return out


def test_feature_loss_is_the_sum_written_out_by_hand(layers: nn.Sequential, pair: tuple[Tensor, Tensor]):
    restored, original = pair
    terms = FeatureLoss(Extractor(layers, (1, 4), label="tiny"), weights=(5, 15))(restored, original)
    (one_a, one_b), (other_a, other_b) = features(layers, restored), features(layers, original)
    expected = {
        "pixel_l1": ((restored - original) / DEVIATION).abs().mean(),
        "tiny_1": 5 * (one_a - other_a).abs().mean(),
        "tiny_4": 15 * (one_b - other_b).abs().mean(),
        "tiny_gram_1": 25 * 5000 * (gram_by_hand(one_a) - gram_by_hand(other_a)).abs().mean(),
        "tiny_gram_4": 225 * 5000 * (gram_by_hand(one_b) - gram_by_hand(other_b)).abs().mean(),
    }
    assert list(terms) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, msg=lambda said, name=name: f"{name}: {said}")


def test_perceptual_loss_is_the_mean_squared_error_of_features(layers: nn.Sequential, pair: tuple[Tensor, Tensor]):
    restored, original = pair
    terms = PerceptualLoss(Extractor(layers, (1,), label="tiny"), pixel_weight=0.5)(restored, original)
    one, other = features(layers, restored)[0], features(layers, original)[0]
    torch.testing.assert_close(terms["tiny_1"], ((one - other) ** 2).mean())
    torch.testing.assert_close(terms["pixel_mse"], 0.5 * ((restored - original) ** 2).mean())


def test_pixel_loss_is_the_mean_squared_error(pair: tuple[Tensor, Tensor]):
    restored, original = pair
    assert PixelLoss()(restored, original) == {"pixel_mse": ((restored - original) ** 2).mean()}


def test_gradients_reach_the_restored_images_alone(layers: nn.Sequential, pair: tuple[Tensor, Tensor]):
    restored, original = pair
    restored.requires_grad_()
    terms = FeatureLoss(Extractor(layers, (1, 4), label="tiny"), weights=(1, 1))(restored, original)
    for name, term in terms.items():
        (gradient,) = torch.autograd.grad(term, restored, retain_graph=True)
        assert gradient.any(), name
    assert all(parameter.grad is None for parameter in layers.parameters())


# ---- The extractors of the papers


def test_a_random_extractor_is_named_as_such_in_every_term():
    loss, images = feature_loss("random"), torch.rand(1, 3, 64, 64)
    assert list(loss(images, images)) == [
        "pixel_l1",
        *(f"random_vgg16_bn_{place}" for place in (22, 32, 42)),
        *(f"random_vgg16_bn_gram_{place}" for place in (22, 32, 42)),
    ]
    assert list(perceptual_loss("random")(images, images)) == ["pixel_mse", "random_vgg16_8"]


def test_vggs_places_are_the_ends_of_blocks():
    # torchvision's own networks: a pooling follows each of the lesson's three, and relu2_2 too.
    deep = list(whole(torchvision.models.vgg16_bn).children())
    for place in (22, 32, 42):
        assert [type(layer) for layer in deep[place : place + 2]] == [nn.ReLU, nn.MaxPool2d]
    relu2_2 = list(whole(torchvision.models.vgg16).children())[: 8 + 2]
    assert [type(layer) for layer in relu2_2][-2:] == [nn.ReLU, nn.MaxPool2d]
    assert sum(isinstance(layer, nn.Conv2d) for layer in relu2_2) == 4


@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn"])
def test_a_classifiers_state_dict_fills_the_extractor(name: Literal["vgg16", "vgg16_bn"], tmp_path: Path):
    features = whole(getattr(torchvision.models, name))
    state = {f"features.{key}": torch.ones_like(value, device="cpu") * n for n, (key, value) in numbered(features)}
    torch.save(state, tmp_path / "vgg.pth")
    extractor = vgg_extractor(name, (8, 22), weights=tmp_path / "vgg.pth")
    assert extractor.label == name
    for key, value in joined(extractor).state_dict().items():
        torch.testing.assert_close(value, state[f"features.{key}"])


def numbered(features: nn.Module) -> Iterable[tuple[int, tuple[str, Tensor]]]:
    return enumerate(features.state_dict().items())


def joined(extractor: Extractor) -> nn.Sequential:
    """The layers of all stages, numbered as in the network they came from."""
    return nn.Sequential(*(layer for stage in extractor.stages for layer in stage.children()))


def whole(maker: Callable[[], nn.Module]) -> nn.Sequential:
    """The features of a network of torchvision's, without values."""
    with torch.device("meta"):
        features = maker().features
    assert isinstance(features, nn.Sequential)
    return features


def test_the_lessons_hooks_see_what_the_stages_give():
    extractor = vgg_extractor("vgg16_bn", (22, 32, 42), weights="random")
    layers = joined(extractor)
    seen: dict[int, Tensor] = {}
    for place in extractor.places:
        layers[place].register_forward_hook(keeping(seen, place))
    images = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        found = extractor.of_unit(images)
        layers((images - MEAN) / DEVIATION)
    for place, feature_map in zip(extractor.places, found, strict=True):
        torch.testing.assert_close(feature_map, seen[place])


def keeping(seen: dict[int, Tensor], place: int) -> Callable[[nn.Module, object, Tensor], None]:
    def hook(_: nn.Module, __: object, given: Tensor) -> None:
        seen[place] = given.clone()

    return hook


def test_an_extractor_stays_frozen_and_in_evaluation_mode():
    extractor = vgg_extractor("vgg16_bn", (5,), weights="random")
    holder = nn.ModuleList([extractor]).train()
    assert holder.training
    assert not any(module.training for module in extractor.modules())
    assert not any(parameter.requires_grad for parameter in extractor.parameters())
    before = {name: value.clone() for name, value in extractor.state_dict().items()}
    extractor.of_unit(torch.rand(2, 3, 16, 16))
    assert all(torch.equal(value, before[name]) for name, value in extractor.state_dict().items())


def test_a_stage_that_begins_with_a_relu_in_place_leaves_the_former_feature_map_alone():
    layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True))
    convolved, rectified = Extractor(layers, (0, 1), label="tiny")(torch.randn(1, 3, 4, 4))
    assert convolved.min() < 0
    assert rectified.min() == 0


def test_an_extractor_is_freed_with_its_last_reference(layers: nn.Sequential):
    extractor = Extractor(layers, (1,), label="tiny")
    kept = extractor.of_unit(torch.rand(1, 3, 8, 8))
    gone = weakref.ref(extractor)
    gc.disable()
    del extractor
    gc.enable()
    assert gone() is None, "something in a ring holds it"
    assert kept[0].shape == (1, 4, 8, 8)


# ---- Gram matrices


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gram_matrices_are_float32_also_under_autocast(dtype: torch.dtype):
    # An activation of 1 everywhere: the sum of 288² products is beyond float16, 65504.
    features = torch.ones(1, 2, 288, 288)
    with torch.autocast("cpu", dtype=dtype):
        gram = gram_matrix(features.to(dtype))
    assert gram.dtype == torch.float32
    torch.testing.assert_close(gram, torch.full((1, 2, 2), 0.5))


# ---- Mistakes


@pytest.mark.parametrize("loss", [PixelLoss(), "perceptual", "feature"], ids=str)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [(lambda unit: 255 * unit, r"\[0, 1\], got \[.*, 25\d"), (lambda unit: 2 * unit - 1, r"\[0, 1\], got \[-0\.9")],
    ids=["levels", "from -1 to 1"],
)
def test_originals_in_another_range_are_refused(loss, wrong, said: str, layers: nn.Sequential):
    extractor = Extractor(layers, (1,), label="tiny")
    made = {"perceptual": PerceptualLoss(extractor), "feature": FeatureLoss(extractor, weights=(1,))}
    images = wrong(torch.rand(2, 3, 32, 32))
    with pytest.raises(ValueError, match=f"the originals must lie in {said}"):
        made.get(loss, loss)(images, images)


def test_what_is_no_number_is_refused():
    images = torch.rand(2, 3, 8, 8)
    images[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"got \[nan, nan\]"):
        PixelLoss()(images, images)


def test_images_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match=r"restored images are \(1, 3, 4, 4\), the originals \(1, 3, 8, 8\)"):
        PixelLoss()(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 8, 8))


def test_places_that_are_not_in_the_network_are_refused(layers: nn.Sequential):
    with pytest.raises(ValueError, match=r"places must rise within 0\.\.4, got \[1, 5\]"):
        Extractor(layers, (1, 5), label="tiny")
    with pytest.raises(ValueError, match="2 places need as many weights, got 3"):
        FeatureLoss(Extractor(layers, (1, 4), label="tiny"))
    with pytest.raises(ValueError, match="one of vgg16, vgg16_bn, got 'vgg19'"):
        vgg_extractor("vgg19", (1,), weights="random")  # pyright: ignore[reportArgumentType] - that is the mistake
