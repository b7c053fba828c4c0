"""How near one image is to another: PSNR and SSIM on luma, as papers on super-resolution report them, and PSNR on RGB.

The name of a measure says its channel, border and kernel, since each of them shifts the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from tasks.ops.resize import INTERPOLATIONS

# ITU-R BT.601 with the 16..235 range of video, as MATLAB's rgb2ycbcr has it, for RGB in 0..255.
_LUMA_OFFSET = 16.0
_LUMA = np.array([65.481, 128.553, 24.966]) / 255

# Wang, Bovik, Sheikh, Simoncelli 2004, "Image quality assessment: from error visibility to structural
# similarity", section III-B and C: an 11×11 Gaussian of sigma 1.5, and C1, C2 from K1 = 0.01, K2 = 0.03.
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

_BEST_DB = 100.0


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the BT.601 luma of RGB pixels, `(h, w, 3)` uint8 → `(h, w)` float64 in [16, 235], not rounded."""
    return pixels @ _LUMA + _LUMA_OFFSET


def psnr_y(restored: NDArray[np.uint8], original: NDArray[np.uint8], *, border: int) -> float:
    """Return the peak signal-to-noise ratio of luma in dB for a peak of 255, without `border` pixels at each edge.

    Both are `(h, w, 3)` uint8 RGB. Equal images have 100 dB, not infinity, so that one of them leaves a mean usable.
    """
    error = np.mean((luma(_inner(restored, original, border)) - luma(_inner(original, restored, border))) ** 2)
    return _decibels(float(error))


def psnr_rgb(restored: NDArray[np.uint8], original: NDArray[np.uint8], *, border: int) -> float:
    """Return the peak signal-to-noise ratio of all three channels in dB, as `psnr_y` does for luma.

    Where colours are wrong and luma is right, only this one tells.
    """
    error = _inner(restored, original, border).astype(np.float64) - _inner(original, restored, border)
    return _decibels(float(np.mean(error**2)))


def ssim_y(restored: NDArray[np.uint8], original: NDArray[np.uint8], *, border: int) -> float:
    """Return the mean structural similarity of luma, -1 to 1, without `border` pixels at each edge.

    Both are `(h, w, 3)` uint8 RGB. Only windows that lie wholly within what is left count, as in the authors'
    code.
    """
    one, other = luma(_inner(restored, original, border)), luma(_inner(original, restored, border))
    if min(one.shape) < _WINDOW:
        raise ValueError(f"SSIM needs at least {_WINDOW} pixels each way without the border, got {one.shape}")
    mean_one, mean_other = _blurred(one), _blurred(other)
    variance_one = _blurred(one * one) - mean_one**2
    variance_other = _blurred(other * other) - mean_other**2
    covariance = _blurred(one * other) - mean_one * mean_other
    similar = (2 * mean_one * mean_other + _C1) * (2 * covariance + _C2)
    return float(np.mean(similar / ((mean_one**2 + mean_other**2 + _C1) * (variance_one + variance_other + _C2))))


def luma_quality(restored: NDArray[np.uint8], original: NDArray[np.uint8], *, border: int) -> dict[str, float]:
    """Return PSNR (dB) and SSIM on luma by names that tell channel, border and kernel."""
    return {
        f"psnr_y_border{border}": psnr_y(restored, original, border=border),
        f"ssim_y_border{border}_gaussian{_WINDOW}": ssim_y(restored, original, border=border),
    }


def fine_detail_y(pixels: NDArray[np.uint8]) -> float:
    """Return the energy of what is finer than SSIM's Gaussian of 11×11: a mean square of luma, in squared levels.

    `pixels` are `(h, w, 3)` uint8 RGB. A blurred image has less of it than its original, noise and a checkerboard
    have more.
    """
    values, inset = luma(pixels), _WINDOW // 2
    if min(values.shape) < _WINDOW:
        raise ValueError(f"fine detail needs at least {_WINDOW} pixels each way, got {values.shape}")
    return float(np.mean((values[inset:-inset, inset:-inset] - _blurred(values)) ** 2))


def enlarged(pixels: NDArray[np.uint8], scale: int, interpolation: str) -> NDArray[np.uint8]:
    """Return `(h, w, 3)` uint8 RGB `scale` times as large by Pillow's kernel: what a network has to beat."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")
    height, width = pixels.shape[:2]
    size = (width * scale, height * scale)
    return np.asarray(Image.fromarray(pixels).resize(size, INTERPOLATIONS[interpolation]))


def mean_quality(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each measure over images, as tables in papers do: a mean of dB, not of errors."""
    if not measured:
        raise ValueError("there is no image to take the mean of")
    return {name: float(np.mean([each[name] for each in measured])) for name in measured[0]}


def _decibels(error: float) -> float:
    return min(_BEST_DB, float(10 * np.log10(255**2 / max(error, 1e-12))))


def _inner(pixels: NDArray[np.uint8], other: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
    """Return `pixels` without the border, having checked that `other` can be compared with them."""
    for each in (pixels, other):
        if each.dtype != np.uint8 or each.ndim != 3 or each.shape != pixels.shape or each.shape[2] != 3:
            raise ValueError(
                f"expected two (h, w, 3) uint8 images of one size, got {pixels.shape} {pixels.dtype} "
                f"and {other.shape} {other.dtype}"
            )
    height, width = pixels.shape[:2]
    if not 0 <= border < min(height, width) / 2:
        raise ValueError(f"a border of {border} leaves nothing of an image of {width}×{height} pixels")
    return pixels[border : height - border, border : width - border]


def _blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian mean around each pixel whose window lies within, `(h, w)` → `(h - 10, w - 10)`."""
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    down = sliding_window_view(values, _WINDOW, axis=0) @ weights
    return sliding_window_view(down, _WINDOW, axis=1) @ weights
