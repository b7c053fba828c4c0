"""What features are asked for, told the same way by who starts the training process and by that process itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage.bundles import Facts
from storage.digests import object_digest
from storage.features import FeatureSource
from storage.models import CONFIG, WEIGHTS, OpenModel, parsed_reference
from storage.records import fingerprint

EXTRACTION = 1
"""Raised when the same encoder and the same rows would give other vectors."""


@dataclass(frozen=True, slots=True)
class EncoderOrigin:
    """Where an encoder comes from: its short name, how it is told to people, the hash of what decides its vectors."""

    name: str
    text: str
    digest: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """What a person chose: a registered model, or a network of torchvision's with weights from a file.

    `size` is the side of the pictures for a network, None where the version has one size only; a model knows its own.
    """

    model: str | None = None
    network: str | None = None
    weights: Path | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        if (self.model is None) == (self.network is None):
            raise ValueError("features are made by a model or by a network: give one of --model and --network")
        if self.model is not None and (self.weights is not None or self.size is not None):
            raise ValueError("a model knows its weights and the size of its pictures; give --weights and --size to "
                             "--network only")  # fmt: skip
        if self.network is not None and self.weights is None:
            raise ValueError(
                f"--network {self.network} needs --weights, a file of torchvision's: features of a network that never "
                "learnt tell nothing apart"
            )

    @property
    def name(self) -> str:
        """The short name: that of the model, without its version, or that of the network."""
        return parsed_reference(self.model)[0] if self.model is not None else str(self.network)


def model_origin(opened: OpenModel, name: str) -> EncoderOrigin:
    """Return a version of the model `name` as the origin of an encoder."""
    version = opened.version
    parts = [opened.lineage.recipe, *(version.file(file).digest for file in (CONFIG, WEIGHTS))]
    text = f"{name}@{version.number}"
    facts = (("encoder", text), ("recipe", opened.lineage.recipe))
    return EncoderOrigin(name, text, fingerprint(parts), facts)


def network_origin(network: str, weights: Path) -> EncoderOrigin:
    """Return a network with weights from a file as the origin of an encoder; the file is hashed.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is not there; give the file of a torchvision state dict of {network}")
    digest = object_digest(weights)
    facts = (("encoder", network), ("weights", str(weights)), ("BLAKE3 of the weights", digest))
    return EncoderOrigin(network, f"{network} {digest[:12]}", fingerprint([network, digest]), facts)


def feature_request(source: FeatureSource, origin: EncoderOrigin, *, size: int | None, precision: str) -> str:
    """Return the hash of what was asked for; `size` as it was asked for, None where it was not."""
    return fingerprint([EXTRACTION, source.dataset, source.identity, origin.digest, size, precision])


def feature_key(shard_identity: str, origin: EncoderOrigin, *, size: int, precision: str) -> str:
    """Return the key of the receipt of one shard's vectors.

    Not of the version: one that shares shards with an earlier one, shares their vectors.
    """
    return fingerprint([EXTRACTION, shard_identity, origin.digest, size, precision])
