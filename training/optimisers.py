"""The optimisers that a phase may name. A new one, LARS say, is one more row of `KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar

import torch

ParameterGroup = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Optimiser:
    """Which optimiser, and what stays the same all through its life; None leaves it to torch.

    `beta2` is of adam and adamw, `alpha` of rmsprop (both: the memory of squared gradients), `eps` of all three,
    `nesterov` of sgd.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str = "adamw"
    beta2: float | None = None
    eps: float | None = None
    alpha: float | None = None
    nesterov: bool | None = None

    def __post_init__(self) -> None:
        kind = _kind_named(self.name)
        foreign = [name for name in self.settings if name not in kind.settings]
        if foreign:
            raise ValueError(f"{self.name} has no {', '.join(foreign)}; it has: {', '.join(kind.settings)}")

    @property
    def settings(self) -> dict[str, float]:
        """Return what is given."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}
        return {name: value for name, value in values.items() if value is not None}

    def __str__(self) -> str:
        given = ", ".join(f"{name} {value:g}" for name, value in self.settings.items())
        return f"{self.name} ({given})" if given else self.name


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of optimiser is made, where it keeps its momentum, and the settings it has."""

    make: Callable[[list[ParameterGroup], Mapping[str, float]], torch.optim.Optimizer]
    set_momentum: Callable[[ParameterGroup, float], None]
    settings: tuple[str, ...]


def make_optimiser(optimiser: Optimiser, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
    """Return torch's optimiser over the parameter groups; rates are set before each step."""
    return KINDS[optimiser.name].make(groups, optimiser.settings)


def set_momentum(optimiser: Optimiser, group: ParameterGroup, value: float) -> None:
    """Set the momentum of a parameter group: for adam and adamw that is the first beta."""
    KINDS[optimiser.name].set_momentum(group, value)


def _kind_named(name: str) -> Kind:
    try:
        return KINDS[name]
    except KeyError:
        raise ValueError(f"there is no optimiser {name!r}; there are: {', '.join(KINDS)}") from None


def _sgd(groups: list[ParameterGroup], settings: Mapping[str, float]) -> torch.optim.Optimizer:
    # torch refuses Nesterov without a momentum, which is set later.
    return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=bool(settings.get("nesterov", False)))


def _adam(groups: list[ParameterGroup], settings: Mapping[str, float]) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=0.0, betas=(0.9, settings.get("beta2", 0.999)), eps=settings.get("eps", 1e-8))


def _adamw(groups: list[ParameterGroup], settings: Mapping[str, float]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, settings.get("beta2", 0.999)), eps=settings.get("eps", 1e-8))


def _rmsprop(groups: list[ParameterGroup], settings: Mapping[str, float]) -> torch.optim.Optimizer:
    alpha, eps = settings.get("alpha", 0.99), settings.get("eps", 1e-8)
    return torch.optim.RMSprop(groups, lr=0.0, alpha=alpha, eps=eps, momentum=0.9)


def _set_plain_momentum(group: ParameterGroup, value: float) -> None:
    group["momentum"] = value


def _set_positive_momentum(group: ParameterGroup, value: float) -> None:
    # RMSprop makes the memory for its momentum at the first step only, and fails where it is missing later.
    group["momentum"] = max(value, 1e-30)


def _set_first_beta(group: ParameterGroup, value: float) -> None:
    group["betas"] = (value, group["betas"][1])


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "sgd": Kind(_sgd, _set_plain_momentum, ("nesterov",)),
        "adam": Kind(_adam, _set_first_beta, ("beta2", "eps")),
        "adamw": Kind(_adamw, _set_first_beta, ("beta2", "eps")),
        "rmsprop": Kind(_rmsprop, _set_positive_momentum, ("alpha", "eps")),
    }
)
