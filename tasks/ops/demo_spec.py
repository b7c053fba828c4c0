"""What a demonstration set is: how many classes and images, at which scale, from which seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tasks.ops.demo_classes import demo_classes

Scale = Literal["full", "small"]


@dataclass(frozen=True, slots=True)
class DemoSpec:
    """Settles every byte of a set, given the font and the version of the generator.

    `scale` is "full" (ImageNet's sizes, mostly 500×375) or "small" (shorter side 64 to 96 pixels).
    A picture's pixels depend on `seed`, `scale`, class and index alone, whatever the size of the set.
    """

    classes: int = 525
    images_per_class: int = 6
    scale: Scale = "full"
    seed: int = 0

    def __post_init__(self) -> None:
        known = len(demo_classes())
        if not 1 <= self.classes <= known:
            raise ValueError(f"the demonstration set has 1 to {known} classes, got {self.classes}")
        if self.images_per_class < 1:
            raise ValueError(f"a class needs at least 1 image, got {self.images_per_class}")
        if self.scale not in get_args(Scale):
            raise ValueError(f"scale is one of {', '.join(get_args(Scale))}, got {self.scale!r}")
        if self.seed < 0:
            raise ValueError(f"a seed is 0 or more, got {self.seed}")

    @property
    def total(self) -> int:
        """The number of files."""
        return self.classes * self.images_per_class

    def place_of(self, number: int) -> tuple[int, int]:
        """Return class index and image index of file `number`, counted class by class from 0."""
        return divmod(number, self.images_per_class)
