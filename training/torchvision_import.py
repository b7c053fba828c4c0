"""The one place that imports torchvision: beside a CPU build of torch its compiled operators fail to load.

The import then stops with "operator torchvision::nms does not exist", although models and transforms need none of
them: naming the two that it asks for is enough. It brings torch's compilers along, which takes seconds: who needs it
imports it where it is needed.
"""

from __future__ import annotations

import torch


def _define_missing_operators() -> list[torch.library.Library]:
    """Define the operators that are missing; they live only as long as the returned objects."""
    kept = []
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            kept.append(library)
    return kept


_KEPT = _define_missing_operators()

import torchvision  # noqa: E402 - only importable now
import torchvision.models  # noqa: E402
import torchvision.transforms.v2  # noqa: E402

__all__ = ["torchvision"]
