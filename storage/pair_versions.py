"""Published pairs: for each row a good image and a bad one made of it, in two arrays that are aligned row by row."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import DamagedDataset
from storage.layout import NAME_PATTERN, DatasetFolder
from storage.receipts import StoredObject
from storage.records import fingerprint
from storage.versions import (
    MAX_SIDE,
    Version,
    VersionShard,
    has_its_objects,
    highest_valid,
    read_numbered,
    require_known_format,
    version_identity,
)

PAIRS = "pairs"
"""The kind of a dataset of pairs."""
RECORD = "pair-version"
GOOD, BAD = 0, 1
"""Which of a shard's two objects, and of a reader's two arrays, has the good images and which the bad ones."""


@dataclass(frozen=True, slots=True)
class PairOrigin:
    """The version whose rows are the good images, and at which of its sizes."""

    dataset: str
    number: int
    identity: str
    side: int


@dataclass(frozen=True, slots=True)
class PairVersion:
    """One immutable published state of pairs. A shard of it has the rows of one shard of the origin, in their order.

    `recipe` is the canonical form of the recipe, `recipe_name` what a person calls it, and `table` the origin's table
    of rows, with their labels, splits and ids.
    """

    number: int
    parent: int | None
    identity: str
    created: str
    origin: PairOrigin
    recipe_name: str
    recipe: str
    libraries: tuple[tuple[str, str], ...]
    array_format: str
    bad_side: int
    classes: tuple[str, ...]
    stored: int
    bytes: int
    shards: tuple[VersionShard, ...]
    table: StoredObject
    card: StoredObject

    @property
    def kind(self) -> str:
        """Return what the dataset holds."""
        return PAIRS

    @property
    def sides(self) -> tuple[int, int]:
        """Return the sizes of the good and of the bad images, in pixels."""
        return self.origin.side, self.bad_side

    @property
    def objects(self) -> list[StoredObject]:
        """Return every object that this version needs."""
        return [*(stored for shard in self.shards for stored in shard.objects), *self.companions]

    @property
    def companions(self) -> list[StoredObject]:
        """Return the objects that hold no pixels of their own."""
        return [self.table, self.card]


RowVersion = Version | PairVersion
"""A version that has rows."""


@dataclass(frozen=True, slots=True)
class PairParameters:
    """All that decides a bad image besides the good one."""

    recipe: str
    libraries: tuple[tuple[str, str], ...]
    array_format: str
    good_side: int
    bad_side: int

    def shard_identity(self, origin: VersionShard) -> str:
        """Return the hash of what the pairs of one shard of the origin are; their receipt's key, too."""
        return fingerprint([PAIRS, self, origin.identity])


def read_pair_version(folder: DatasetFolder, number: int) -> PairVersion:
    """Read one version.

    Raises:
        UnknownDataset: there is no version of that number, or it is not one of pairs.
        DamagedDataset: its bytes are not those that were published.
        UnreadableRecord: another version of this code wrote it.
    """
    path = folder.version(number)
    no_pairs = f"no pairs; make some with: imagemill pairs {folder.name} --recipe …"
    others = {"version": no_pairs, "bundle": no_pairs}
    version = read_numbered(folder, number, RECORD, PairVersion, others=others)
    require_known_format(path, version.array_format)
    if not _makes_sense(version):
        raise DamagedDataset(f"{path} contradicts itself: imagemill did not write it", path=path)
    return version


def _makes_sense(version: PairVersion) -> bool:
    sizes = all(1 <= side <= MAX_SIDE for side in version.sides)
    rows = all(has_its_objects(shard, version.sides) for shard in version.shards)
    total = sum(shard.rows for shard in version.shards) == version.stored
    identity = version_identity(tuple(shard.identity for shard in version.shards), version.classes)
    # It becomes part of a path when pairs are repaired.
    named = NAME_PATTERN.fullmatch(version.origin.dataset) is not None
    is_sum = sizes and rows and total and version.identity == identity
    return named and is_sum and (version.parent or 0) < version.number


def current_pairs(folder: DatasetFolder) -> PairVersion | None:
    """Return the highest version whose record is valid; a damaged one is passed over with a warning."""
    return highest_valid(folder, read_pair_version)
