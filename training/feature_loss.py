"""Losses that compare images by what a classifier sees in them, as named terms whose sum is minimised.

All take `(n, 3, h, w)` images in [0, 1], the restored and the original. A term's name carries the extractor, and
"random" where its weights are: such a loss is no perceptual one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.extractor import Extractor, vgg_extractor
from training.pixel_ranges import imagenet_normalised, require_unit
from training.weights import Weights

Terms = dict[str, Tensor]

# Johnson et al. 2016, section 4.2: super-resolution compares relu2_2, which is layer 8 of VGG-16's features.
RELU2_2 = 8

# fast.ai lesson 7 of 2019: the ReLUs before the last three poolings of VGG-16 with batch normalisation, their
# weights, and the factor of the Gram terms.
BLOCK_ENDS = (22, 32, 42)
BLOCK_WEIGHTS = (5.0, 15.0, 2.0)
GRAM_FACTOR = 5e3


class PixelLoss(nn.Module):
    """The mean squared error of pixels in [0, 1], which PSNR is the logarithm of."""

    def forward(self, restored: Tensor, original: Tensor) -> Terms:
        """Return the one term, `pixel_mse`."""
        _require_alike(restored, original)
        return {"pixel_mse": F.mse_loss(restored.float(), original)}


class PerceptualLoss(nn.Module):
    """The mean squared error of VGG-16's relu2_2 (Johnson et al. 2016, equation 2), and of pixels where weighted."""

    def __init__(self, extractor: Extractor, *, pixel_weight: float = 0.0) -> None:
        super().__init__()
        self.extractor = extractor
        self._pixel_weight = pixel_weight

    def forward(self, restored: Tensor, original: Tensor) -> Terms:
        """Return a term for each place of the extractor, and `pixel_mse`."""
        _require_alike(restored, original)
        terms = {"pixel_mse": self._pixel_weight * F.mse_loss(restored.float(), original)}
        seen, wanted = _both(self.extractor, restored, original)
        for place, one, other in zip(self.extractor.places, seen, wanted, strict=True):
            terms[f"{self.extractor.label}_{place}"] = F.mse_loss(one.float(), other.float())
        return terms


class FeatureLoss(nn.Module):
    """The lesson's loss: L1 of pixels, and of each block's features times w and Gram matrices times w²·5000.

    Pixels are compared after ImageNet's normalisation, as in the lesson, where that is the range of all images:
    the weights belong to it.
    """

    def __init__(self, extractor: Extractor, *, weights: Sequence[float] = BLOCK_WEIGHTS) -> None:
        super().__init__()
        if len(weights) != len(extractor.places):
            raise ValueError(f"{len(extractor.places)} places need as many weights, got {len(weights)}")
        self.extractor = extractor
        self._weights = tuple(weights)

    def forward(self, restored: Tensor, original: Tensor) -> Terms:
        """Return the terms `pixel_l1`, `<extractor>_<place>` and `<extractor>_gram_<place>`."""
        _require_alike(restored, original)
        terms = {"pixel_l1": F.l1_loss(imagenet_normalised(restored.float()), imagenet_normalised(original))}
        label, places = self.extractor.label, self.extractor.places
        seen, wanted = _both(self.extractor, restored, original)
        for place, weight, one, other in zip(places, self._weights, seen, wanted, strict=True):
            terms[f"{label}_{place}"] = weight * F.l1_loss(one.float(), other.float())
        for place, weight, one, other in zip(places, self._weights, seen, wanted, strict=True):
            terms[f"{label}_gram_{place}"] = weight**2 * GRAM_FACTOR * F.l1_loss(gram_matrix(one), gram_matrix(other))
        return terms


def gram_matrix(features: Tensor) -> Tensor:
    """Return the products of all pairs of channels, `(n, c, h, w)` → `(n, c, c)`, over c·h·w, always in float32.

    In float16 the sums overflow: at 288² pixels an activation of 0.89 on average suffices.
    """
    with torch.autocast(features.device.type, enabled=False):
        flat = features.float().flatten(2)
        return flat @ flat.transpose(1, 2) / flat[0].numel()


def perceptual_loss(weights: Weights, *, pixel_weight: float = 0.0) -> PerceptualLoss:
    """Return the loss of Johnson et al. with the weights of VGG-16 from a file, or random."""
    return PerceptualLoss(vgg_extractor("vgg16", (RELU2_2,), weights=weights), pixel_weight=pixel_weight)


def feature_loss(weights: Weights) -> FeatureLoss:
    """Return the lesson's loss with the weights of VGG-16 with batch normalisation from a file, or random."""
    return FeatureLoss(vgg_extractor("vgg16_bn", BLOCK_ENDS, weights=weights))


def _both(extractor: Extractor, restored: Tensor, original: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the feature maps of both; the original's carry no gradient."""
    with torch.no_grad():
        wanted = extractor.of_unit(original)
    return extractor.of_unit(restored), wanted


def _require_alike(restored: Tensor, original: Tensor) -> None:
    """Check what can be: a network may overshoot [0, 1] at first, an original never does."""
    if restored.shape != original.shape:
        raise ValueError(f"restored images are {tuple(restored.shape)}, the originals {tuple(original.shape)}")
    require_unit(original, "the originals")
