"""Mixed precision: which numbers the forward pass computes in, and the scaling that fp16 needs for its gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["float32", "bf16", "fp16"]

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return a context in which the forward pass computes in `precision`, where torch thinks it safe."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, _TYPES[precision])


def gradient_scaler(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Return what scales the loss so that small gradients survive fp16; it leaves other precisions alone."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
