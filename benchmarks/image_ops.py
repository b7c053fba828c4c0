"""CPU time of decoding and resizing one ImageNet-sized JPEG: ours beside the bare loop a user would write.

Paired: every round times all ways on the same images, and the ratio is the median over the rounds.
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image

from benchmarks.photos import as_jpeg, photos
from storage.refused import Refusal
from tasks.ops.decode import DecodeLimits, decode_rgb
from tasks.ops.resize import resize_center_crop_into

SIDE, ROUNDS, LIMITS = 224, 30, DecodeLimits()
ROW = np.empty((SIDE, SIDE, 3), np.uint8)


def bare_loop(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data)).convert("RGB")
    scale = SIDE / min(image.size)
    width, height = int(image.width * scale + 1e-6), int(image.height * scale + 1e-6)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + SIDE, top + SIDE))


def bare_loop_to_array(data: bytes) -> None:
    ROW[...] = np.asarray(bare_loop(data))


def decode_only(data: bytes) -> Image.Image:
    image = decode_rgb(data, LIMITS)
    assert not isinstance(image, Refusal), image
    return image


def exact(data: bytes) -> None:
    resize_center_crop_into(decode_only(data), ROW)


def fast(data: bytes) -> None:
    image = decode_rgb(data, LIMITS, shorter_side=SIDE)
    assert not isinstance(image, Refusal), image
    resize_center_crop_into(image, ROW)


WAYS: dict[str, Callable[[bytes], object]] = {
    "bare loop: open, convert, resize, crop": bare_loop,
    "bare loop, then into an array": bare_loop_to_array,
    "ours, decode only": decode_only,
    "ours, exact, into an array": exact,
    "ours, fast, into an array": fast,
}


def imagenet_like() -> list[bytes]:
    """Return JPEGs of 500×375 pixels and about 100 KB, upright and lying."""
    sizes = ((500, 375), (375, 500))
    resized = [photo.resize(size, Image.Resampling.LANCZOS) for photo in photos().values() for size in sizes]
    return [as_jpeg(image, quality=quality) for image in resized for quality in (95, 98)]


def milliseconds(way: Callable[[bytes], object], files: list[bytes]) -> float:
    start = time.process_time()
    for data in files:
        way(data)
    return (time.process_time() - start) / len(files) * 1e3


def page_faults(way: Callable[[bytes], object], files: list[bytes]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for data in files:
        way(data)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / len(files)


def main() -> None:
    files = imagenet_like()
    gc.collect()
    rounds = [{name: milliseconds(way, files) for name, way in WAYS.items()} for _ in range(ROUNDS)]
    first = next(iter(WAYS))
    print(f"{len(files)} JPEGs of 500×375, {statistics.mean(map(len, files)) / 1e3:.0f} KB on average, to {SIDE}\n")
    print("| way | CPU ms an image | beside the bare loop | page faults an image |\n|---|---|---|---|")
    for name, way in WAYS.items():
        cost = statistics.median(times[name] for times in rounds)
        ratio = statistics.median(times[name] / times[first] for times in rounds)
        print(f"| {name} | {cost:.3f} | {ratio:.3f} | {page_faults(way, files):.1f} |")


if __name__ == "__main__":
    main()
