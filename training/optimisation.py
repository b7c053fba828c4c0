"""One optimiser at work: rates for each layer group, frozen groups, precision, accumulation, clipping.

A recipe makes one `Update` for each optimiser it has (a GAN has two) and calls `minimise` once a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from training.distributed import World
from training.optimisers import Optimiser, make_optimiser, set_momentum
from training.phases import Phase, Rates
from training.precision import Precision, autocast, gradient_scaler
from training.ramps import spread_out

Part = TypeVar("Part", bound=Sized)


def layer_groups(*modules: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters of each module as one layer group, those nearest to the input first."""
    return [list(module.parameters()) for module in modules]


class Update:
    """An optimiser over layer groups. `clip` is the largest norm of the gradient of all groups together."""

    def __init__(
        self,
        groups: Sequence[Iterable[nn.Parameter]],
        *,
        world: World,
        precision: Precision = "float32",
        clip: float | None = None,
    ) -> None:
        self.groups = [list(group) for group in groups]
        self._world, self._clip = world, clip
        self._precision: Precision = precision
        self._scaler = gradient_scaler(world.device, precision)
        self._kind: Optimiser | None = None
        self._optimiser: torch.optim.Optimizer | None = None

    def begin_phase(self, phase: Phase) -> None:
        """Freeze the first groups, let the others learn; keep the optimiser, memory and all, unless it is another.

        Raises:
            ValueError: the phase freezes all groups, or more.
        """
        if phase.frozen >= len(self.groups):
            raise ValueError(f"{phase.frozen} layer groups are to be frozen, and there are only {len(self.groups)}")
        for number, group in enumerate(self.groups):
            for parameter in group:
                parameter.requires_grad_(number >= phase.frozen)
        if phase.optimiser != self._kind:
            self._kind = phase.optimiser
            self._optimiser = make_optimiser(phase.optimiser, [{"params": group} for group in self.groups])

    def minimise(
        self, objective: Callable[[Part], Mapping[str, Tensor]], parts: Sequence[Part], rates: Rates
    ) -> dict[str, Tensor]:
        """Take one step against the gradient of `objective`'s "loss"; return its losses, detached.

        The gradients of several parts are accumulated, each weighted by its rows, as if they were one batch.
        """
        optimiser = self._at(rates)
        rows = sum(len(part) for part in parts)
        losses: dict[str, Tensor] = {}
        for part in parts:
            with autocast(self._world.device, self._precision):
                found = objective(part)
            self._scaler.scale(found["loss"] * (len(part) / rows)).backward()
            for name, loss in found.items():
                losses[name] = losses.get(name, 0) + loss.detach().float() * (len(part) / rows)
        return losses | self._stepped(optimiser)

    def state_dict(self) -> dict[str, Any]:
        """Return the memory of the optimiser and of the scaler of gradients."""
        optimiser = self._optimiser.state_dict() if self._optimiser else {}
        return {"optimiser": optimiser, "scaler": self._scaler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, after `begin_phase` for the phase it was taken in."""
        if self._optimiser is not None:
            self._optimiser.load_state_dict(state["optimiser"])
        if state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])

    def _at(self, rates: Rates) -> torch.optim.Optimizer:
        """Return the optimiser, set to the rates of this step."""
        if self._optimiser is None or self._kind is None:
            raise RuntimeError("an update learns within a phase; call begin_phase first")
        count = len(self.groups)
        values = (rates.learning_rate, rates.momentum, rates.weight_decay)
        spread = zip(*(spread_out(level, count) for level in values), strict=True)
        for group, (rate, momentum, decay) in zip(self._optimiser.param_groups, spread, strict=True):
            group["lr"], group["weight_decay"] = rate, decay
            set_momentum(self._kind, group, momentum)
        return self._optimiser

    def _stepped(self, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
        """Step with the gradients there are, and forget them; return their norm where it is limited."""
        learning = [parameter for group in self.groups for parameter in group if parameter.grad is not None]
        self._world.average(parameter.grad for parameter in learning if parameter.grad is not None)
        norms: dict[str, Tensor] = {}
        if self._clip is not None:
            self._scaler.unscale_(optimiser)
            norms["gradient_norm"] = nn.utils.clip_grad_norm_(learning, self._clip).detach()
        self._scaler.step(optimiser)
        self._scaler.update()
        # Also those of groups that froze since: an optimiser goes on moving what still has a gradient.
        optimiser.zero_grad(set_to_none=True)
        return norms
