"""Pre-trained weights of torchvision's networks, from a file that the user names. Nothing is downloaded."""

from __future__ import annotations

import re
from hashlib import file_digest
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import torch
from torch import Tensor, nn

Weights = Path | Literal["random"]
"""The file of a torchvision state dict, or "random": the network as it was initialised."""

# torchvision's files carry the first digits of their SHA-256: resnet34-b627a593.pth.
_NAMED_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.pth$")


class UnfitWeights(ValueError):
    """A file holds no weights, damaged ones, or those of another network; the message says which and what to do."""


def load_weights(module: nn.Module, path: Path, *, prefix: str = "") -> None:
    """Fill `module` from the state dict in `path`, of which the names that begin with `prefix` are its own.

    What the file holds beyond `module` is left out if it is a head: torchvision's files hold whole classifiers,
    of which a network here is the body.

    Raises:
        UnfitWeights: for a damaged file, one that is no state dict, or one of another network.
        FileNotFoundError: there is no such file.
    """
    found = read_state(path)
    own = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
    wanted = module.state_dict()
    # Files older than 2018 lack the counters, which say nothing of a network.
    missing = [name for name in wanted if name not in own and not name.endswith("num_batches_tracked")]
    unlike = [name for name, value in wanted.items() if name in own and own[name].shape != value.shape]
    if missing or unlike:
        told = _told(missing, unlike, wanted, own, prefix)
        raise UnfitWeights(f"{path} holds the weights of another network: {told}")
    module.load_state_dict({name: own.get(name, value) for name, value in wanted.items()})


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict; no object but tensors is made of the file.

    Raises:
        UnfitWeights: for a damaged file, or one that is no state dict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; give the file of a torchvision state dict, or 'random'")
    _require_named_digest(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UnfitWeights(f"{path} is damaged or no state dict ({error}); download it again") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UnfitWeights(f"{path} holds {type(state).__name__}, expected a state dict of names and tensors")
    return state


def _require_named_digest(path: Path) -> None:
    named = _NAMED_DIGEST.search(path.name)
    if named is None:
        return
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    if not digest.startswith(named[1]):
        raise UnfitWeights(
            f"{path} has SHA-256 {digest[:16]}…, but is named {named[1]}: it is damaged or was renamed; "
            "download it again"
        )


def _told(missing: list[str], unlike: list[str], wanted: dict[str, Tensor], own: dict[str, Tensor], prefix: str) -> str:
    """Say what does not fit, by its first example."""
    if missing:
        return f"{len(missing)} of {len(wanted)} tensors are missing, such as {prefix}{missing[0]}"
    name = unlike[0]
    return f"{prefix}{name} is {tuple(own[name].shape)}, expected {tuple(wanted[name].shape)}"
