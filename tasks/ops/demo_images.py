"""Draws one file of the demonstration set. Pure: the same spec, class and index give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storage.refused import Reason
from tasks.ops.demo_classes import DemoClass, demo_classes
from tasks.ops.demo_encoding import encoded
from tasks.ops.demo_quirks import REASONS, Quirk, quirk_of
from tasks.ops.demo_scenes import glyph, scene
from tasks.ops.demo_spec import DemoSpec, Scale
from tasks.ops.demo_textures import Size

GENERATOR = 1
"""Raised whenever the same spec gives other bytes than before."""

COMMON_SIZES: tuple[tuple[float, Size], ...] = (
    (0.52, (500, 375)),
    (0.13, (375, 500)),
    (0.11, (500, 333)),
    (0.06, (333, 500)),
    (0.04, (500, 500)),
    (0.02, (400, 300)),
    (0.03, (640, 480)),
    (0.02, (800, 600)),
    (0.01, (1024, 768)),
    (0.005, (1600, 1200)),
)
"""Share and (width, height) of the usual sizes in ImageNet, after samples of ILSVRC-2012; the rest is anything."""

SMALL_SHAPES = ((4, 3), (3, 4), (1, 1), (3, 2), (2, 3))
SHARE_WITH_DISTRACTORS = 0.18


@dataclass(frozen=True, slots=True)
class DemoImage:
    """One file: its name below `train/`, its bytes, its quirk, and why it must be refused, if it must."""

    name: str
    content: bytes
    quirk: Quirk
    reason: Reason | None


def rendered(spec: DemoSpec, class_index: int, image_index: int, *, font: Path) -> DemoImage:
    """Draw one file; `font` is Noto Color Emoji."""
    rng = np.random.default_rng(np.random.SeedSequence([spec.seed, class_index, image_index]))
    subject = demo_classes()[class_index]
    size = _drawn_size(rng, spec.scale)
    thing = glyph(font, int(rng.choice(subject.codepoints)))
    distractors = tuple(glyph(font, other.codepoints[0]) for other in _drawn_distractors(rng, subject))
    picture = scene(rng, size, thing=thing, distractors=distractors)
    quirk = quirk_of(spec, class_index, image_index)
    content = encoded(picture, rng, quirk=quirk)
    return DemoImage(demo_name(class_index, image_index), content, quirk, REASONS.get(quirk))


def demo_name(class_index: int, image_index: int) -> str:
    """Return the name of a file below `train/`, as ImageNet writes it: nXXXXXXXX/nXXXXXXXX_N.JPEG."""
    wnid = demo_classes()[class_index].wnid
    return f"{wnid}/{wnid}_{image_index}.JPEG"


def _drawn_size(rng: np.random.Generator, scale: Scale) -> Size:
    if scale == "small":
        side = int(rng.integers(64, 97))
        across, down = SMALL_SHAPES[int(rng.integers(len(SMALL_SHAPES)))]
        return round(side * across / min(across, down)), round(side * down / min(across, down))
    draw = rng.random()
    for share, size in COMMON_SIZES:
        draw -= share
        if draw < 0:
            return size
    if rng.random() < 0.3:
        return int(rng.integers(100, 200)), int(rng.integers(90, 160))
    return 500, int(rng.integers(280, 480))


def _drawn_distractors(rng: np.random.Generator, subject: DemoClass) -> list[DemoClass]:
    """Return no, one or two other classes whose drawings may stand small in the background."""
    if rng.random() >= SHARE_WITH_DISTRACTORS:
        return []
    others = [other for other in demo_classes() if other is not subject]
    return [others[int(index)] for index in rng.integers(len(others), size=int(rng.integers(1, 3)))]
