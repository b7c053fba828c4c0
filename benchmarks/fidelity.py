"""How far `fast` is from `exact`, in dB and CPU time, on real photographs. Writes docs/fidelity.md's tables."""

from __future__ import annotations

import statistics
import time

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.documents import markdown_table, write_between_markers
from benchmarks.photos import as_jpeg, photos
from storage.refused import Refusal
from tasks.ops.decode import DecodeLimits, decode_rgb
from tasks.ops.resize import resize_center_crop

SIDES, LIMITS, ROUNDS = (72, 224, 288), DecodeLimits(), 31
TIMED_SIZES = ((500, 375), (800, 600), (1600, 1200), (4000, 3000))


def decoded(data: bytes, shorter_side: int | None) -> Image.Image:
    image = decode_rgb(data, LIMITS, shorter_side=shorter_side)
    if isinstance(image, Refusal):
        raise ValueError(f"expected an image, got {image}")
    return image


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio over all RGB values, dB."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


def closeness(data: bytes, side: int) -> str:
    """Return how close the fast square is to the exact one, and at which size it was decoded."""
    exact, fast = decoded(data, None), decoded(data, side)
    if exact.size == fast.size:
        return "identical"
    error = psnr(resize_center_crop(fast, side), resize_center_crop(exact, side))
    return f"{error:.1f} dB ({fast.width}×{fast.height})"


def cost(data: bytes, side: int, shorter_side: int | None) -> float:
    """Return the CPU milliseconds of one decode and resize."""
    start = time.process_time()
    resize_center_crop(decoded(data, shorter_side), side)
    return (time.process_time() - start) * 1e3


def saving(photo: Image.Image, size: tuple[int, int], side: int) -> str:
    """Return the cost of fast as a fraction of exact's: the median of rounds that time both in turn."""
    data = as_jpeg(photo.resize(size, Image.Resampling.LANCZOS))
    if decoded(data, side).size == size:
        return "the same decode"
    rounds = [(cost(data, side, None), cost(data, side, side)) for _ in range(ROUNDS)]
    return f"{statistics.median(fast / exact for exact, fast in rounds):.2f}"


def main() -> None:
    files = {name: (photo.size, as_jpeg(photo)) for name, photo in photos().items()}
    errors: list[tuple[object, ...]] = [
        (name, f"{size[0]}×{size[1]}", *(closeness(data, side) for side in SIDES))
        for name, (size, data) in files.items()
    ]
    head = ("photo", "size", *(f"to {side}" for side in SIDES))
    write_between_markers("fidelity.md", "errors of fast", markdown_table(head, errors))
    photo = photos()["china.jpg"]
    costs: list[tuple[object, ...]] = [
        (f"{size[0]}×{size[1]}", *(saving(photo, size, side) for side in SIDES)) for size in TIMED_SIZES
    ]
    write_between_markers("fidelity.md", "cost of fast", markdown_table(("size", *head[2:]), costs))


if __name__ == "__main__":
    main()
