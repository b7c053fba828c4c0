"""Pairs of photographs, published, and small networks registered as models, for the tests of the restoration GAN."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import nn

from storage.bundles import Bundle
from storage.registration import register
from storage.scratch import scratch_folder
from tests.faults.bare_pairs import BarePairs, make
from tests.faults.bare_prepare import BareJob, prepare
from tests.storage.stored_models import finished_run, new_model, promoted
from tests.training.photo_pairs import squares
from training.critic import Critic
from training.restorers import Restorer, RestorerShape, make_restorer

SIDE = 32
NUMBERS = """
name = "numbers"
[[defects]]
defect = "number"
size = [0.3, 0.5]
[[defects]]
defect = "jpeg"
quality = [30, 70]
"""
GENERATOR = f"""
recipe = "gan-generator"
dataset = "photos-numbers"
slow = "/"
version = 1
defects = ["number", "jpeg"]
large = {SIDE}
small = {SIDE}
network = {{net = "small", width = 4}}
"""
CRITIC = f"""
recipe = "gan-critic"
dataset = "photos-numbers-restored"
slow = "/"
version = 1
side = {SIDE}
network = {{width = 4, blocks = 1}}
"""


def publish_photo_pairs(root: Path) -> None:
    """Publish squares of photographs as `photos`, and pairs of them as `photos-numbers`, below `root`."""
    source = root.with_name(f"{root.name}-source") / "photo"
    source.mkdir(parents=True)
    for number, pixels in enumerate(squares(["coffee.png", "chelsea.png"], SIDE)):
        Image.fromarray(pixels).save(source / f"{number}.png")
    prepare(BareJob(str(source.parent), str(root), dataset="photos", sides=(SIDE,)))
    make(BarePairs(str(root), str(root), NUMBERS, "photos-numbers", side=SIDE))


def generator() -> Restorer:
    """Return a generator that changes pictures a little, the same in every process."""
    torch.manual_seed(1)
    network = make_restorer(RestorerShape(width=4), scale=1)
    with torch.no_grad():
        network.network.to_pixels.weight.normal_(std=0.03)  # type: ignore[operator] # it is the small one
    return network


def critic() -> Critic:
    torch.manual_seed(2)
    return Critic(width=4, blocks=1)


def registered_network(root: Path, name: str, network: nn.Module, config: str, *, recipe: str) -> Bundle:
    """Register a network as the next version of a model, and promote it."""
    folder = new_model(root, name)
    with scratch_folder(folder) as scratch:
        run = finished_run(scratch / "run", weights=b"", recipe=recipe)
        torch.save(network.state_dict(), run.weights)
        run.config.write_text(config)
        version = register(folder, run, request="1" * 64, made_of=(), card="# {}\n".format, scratch=scratch)
    promoted(folder, version)
    return version


def register_players(root: Path) -> None:
    """Register and promote `gan-generator` and `gan-critic`."""
    registered_network(root, "gan-generator", generator(), GENERATOR, recipe="gan-generator")
    registered_network(root, "gan-critic", critic(), CRITIC, recipe="gan-critic")
