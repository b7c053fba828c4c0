"""Row 5: published files that are damaged are noticed, never read as something else, and restored to the bit."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.command_line import app
from tasks.ops.repair import repair_dataset
from tests.faults.damage_checks import (
    Tally,
    is_lost,
    is_spared,
    require_all_repaired,
    require_found_and_repaired,
    require_told_what_is_lost,
    spared_contents,
)
from tests.faults.damage_trials import Bench, differences, make_bench, reads_of, tree_below
from tests.faults.damages import DATASET, Target, discard, faults_of, flip_a_pixel, swap_with_its_like
from tests.faults.figures import record
from tests.faults.tiny_source import picture_name
from tests.oracles.published_dataset import version_bodies

SLOW_ALONE = 4
"""Without a fast root a shard is rebuilt from the images, which takes a process pool: one trial in so many."""

LIKE = "swapped with its like"
"""Of some files there is only one."""


@pytest.fixture(scope="module", params=["hdf5", pytest.param("bcolz", marks=pytest.mark.slow)])
def bench(request: pytest.FixtureRequest, place: Path) -> Bench:
    return make_bench(Path(tempfile.mkdtemp(dir=place)), request.param)


# ---- One damage


@pytest.mark.parametrize("count", [34, pytest.param(900, marks=pytest.mark.slow)])
def test_damage_to_any_published_file_is_found_never_read_and_repaired_to_the_bit(count: int, bench: Bench):
    chance, tally = random.Random(count), Tally()
    for target, name in drawn(bench.targets, chance):
        others = [other for other in bench.targets if other.item != target.item]
        damaged = faults_of(target)[name](target, others, chance)
        number = tally.injected.total()
        is_copy_safe = number % SLOW_ALONE or any(one.is_copy for one in damaged)
        if damaged:
            tiers = bench.tiers if is_copy_safe else bench.slow_alone
            tally.run(bench, name, damaged, tiers, trial=require_found_and_repaired)
        if tally.injected.total() == count:
            break
    assert tally.kinds == {target.kind for target in bench.targets}
    tally.close()


def drawn(targets: tuple[Target, ...], chance: random.Random) -> Iterator[tuple[Target, str]]:
    """Draw targets and what happens to each: all kinds of files and all faults first, then all pairs of them."""
    by_pair: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        for fault in faults_of(target):
            by_pair.setdefault((target.kind, fault), []).append(target)
    while True:
        pairs = chance.sample(sorted(by_pair), len(by_pair))
        kinds, faults = dict[str, str](), dict[str, str]()
        for kind, fault in pairs:
            if fault != LIKE:
                kinds.setdefault(kind, fault)
            faults.setdefault(fault, kind)
        first = [*kinds.items(), *((kind, fault) for fault, kind in faults.items())]
        for kind, fault in dict.fromkeys([*first, *pairs]):
            yield chance.choice(by_pair[kind, fault]), fault


PIXELS = ("pixels", "copy: pixels")


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_other_pixels_are_never_taken_for_those_that_were_published(count: int, bench: Bench):
    """HDF5's own checksum does not notice another shard of the same shape, and bcolz has none."""
    chance, tally = random.Random(count), Tally()
    arrays = [target for target in bench.targets if target.kind in PIXELS and target.path == target.item]
    for number in range(count):
        target = chance.choice([target for target in arrays if target.kind == PIXELS[number % 2]])
        damaged = flip_a_pixel(target, [], chance)
        tally.run(bench, "one bit of a pixel flipped", damaged, bench.tiers, trial=require_found_and_repaired)
    for target, other in chance.sample(same_shapes(bench, arrays), min(count, len(same_shapes(bench, arrays)))):
        damaged = swap_with_its_like(target, [other], chance)
        tally.run(bench, "shards of one shape swapped", damaged, bench.tiers, trial=require_found_and_repaired)
    tally.close()


def same_shapes(bench: Bench, arrays: list[Target]) -> list[tuple[Target, Target]]:
    """Return pairs of shards on one disk that have as many rows of the same size."""
    shards = [shard for body in version_bodies(bench.dataset).values() for shard in body["shards"]]
    rows = {stored["name"]: shard["rows"] for shard in shards for stored in shard["objects"]}
    shapes: dict[tuple[bool, str, int], list[Target]] = {}
    for target in arrays:
        side = target.path.name.partition("-")[0]
        shapes.setdefault((target.is_copy, side, rows[target.path.name]), []).append(target)
    return [pair for alike in shapes.values() for pair in combinations(alike, 2)]


# ---- Several at once


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_several_damages_at_once_are_repaired_or_said_to_be_lost(count: int, bench: Bench):
    chance, tally = random.Random(count), Tally()
    spared = spared_contents(bench)
    for number in range(count):
        damaged = list(damaged_at_once(bench, chance.randint(2, 5), chance))
        tiers = bench.slow_alone if number % SLOW_ALONE == 0 else bench.tiers
        lost = {target.item for target in damaged if is_lost(bench, target, damaged, spared, tiers)}
        require = partial(require_told_what_is_lost, lost=lost) if lost else require_all_repaired
        tally.run(bench, "2 to 5 files at once", damaged, tiers, trial=require)
    tally.close()


def damaged_at_once(bench: Bench, count: int, chance: random.Random) -> Iterator[Target]:
    """Damage some files, each in another way; yield them."""
    taken = set[Path]()
    for _ in range(count):
        left = [target for target in bench.targets if target.item not in taken]
        kind = chance.choice(sorted({target.kind for target in left}))
        target = chance.choice([target for target in left if target.kind == kind])
        others = [other for other in left if other.item != target.item]
        for damaged in faults_of(target)[chance.choice(sorted(faults_of(target)))](target, others, chance):
            taken.add(damaged.item)
            yield damaged


# ---- What cannot be restored


def test_what_is_lost_together_with_its_spares_is_named_with_a_reason(bench: Bench):
    chance, tally = random.Random(5), Tally()
    spares = [target for target in bench.targets if target.kind == "spare"]
    by_kind = {target.kind: target for target in bench.targets if is_spared(target)}
    for target in by_kind.values():
        for one in (target, *spares):
            faults_of(one)[chance.choice(("one bit flipped", "cut short", "grown", "replaced by a folder"))](
                one, [], chance
            )
        damaged = [target, *spares]
        lost = {target.item} - {bench.dataset / "dataset.json"}
        require = partial(require_told_what_is_lost, lost=lost)
        tally.run(bench, "a file and all its spares", damaged, bench.slow_alone, trial=require)
    tally.close()


SOURCES = {
    "a source is gone": (lambda path: path.unlink(), "is gone"),
    "a source has changed": (lambda path: path.write_bytes(path.read_bytes() + b"x"), "has changed"),
    "a source is cut short": (lambda path: os.truncate(path, 100), "has changed"),
}


@pytest.mark.parametrize(
    "fault", ["a source is gone", *(pytest.param(fault, marks=pytest.mark.slow) for fault in [*SOURCES][1:])]
)
def test_pixels_without_their_sources_stay_lost_until_these_are_back(fault: str, bench: Bench):
    change, why = SOURCES[fault]
    picture = bench.source / picture_name(0)
    content, facts = picture.read_bytes(), picture.stat()
    damaged = [target for target in bench.targets if target.kind == "pixels" and target.path == target.item]
    wanted = {target.item for target in damaged}
    for target in damaged:
        discard(target.path)
    change(picture)
    try:
        done = repair_dataset(bench.slow_alone, DATASET, source=None, workers=1)
        assert not done.is_whole
        assert all(why in reason and picture.name in reason for reason in done.unrepaired.values()), done.unrepaired
        assert set(differences(tree_below(bench.base), bench.whole)) == parts(bench, set(done.unrepaired))
        assert not reads_of(bench, bench.slow_alone).wrong
        picture.write_bytes(content)
        os.utime(picture, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert repair_dataset(bench.slow_alone, DATASET, source=None, workers=1).is_whole
        assert not differences(tree_below(bench.base), bench.whole)
    finally:
        bench.reset()
    record(5, fault=fault, injected=len(wanted), held=len(wanted))


def parts(bench: Bench, paths: set[Path]) -> set[Path]:
    return {path for path in bench.whole if paths & {path, *path.parents}}


# ---- The commands


@pytest.mark.parametrize("fault", ["one bit flipped", "cut short", "deleted", "replaced by a link to its bytes"])
def test_the_commands_tell_of_damage_by_their_exit_code(fault: str, bench: Bench):
    chance = random.Random(fault)
    roots = ["--slow", str(bench.base / "slow"), "--fast", str(bench.base / "fast"), "--json"]
    for kind in ("version", "receipt", "shuffled listing", "table", "pixels"):
        target = chance.choice(
            [target for target in bench.targets if (target.kind, target.path) == (kind, target.item)]
        )
        if fault not in faults_of(target):
            continue
        faults_of(target)[fault](target, [], chance)
        verify = CliRunner().invoke(app, ["verify", DATASET, *roots])
        assert verify.exit_code == 1, verify.output
        assert str(target.item) in verify.output
        repair = CliRunner().invoke(app, ["repair", DATASET, *roots])
        assert repair.exit_code == 0, repair.output
        assert str(target.item) in repair.output
        assert CliRunner().invoke(app, ["verify", DATASET, *roots]).exit_code == 0
        bench.tidy()
    assert not differences(tree_below(bench.base), bench.whole)
