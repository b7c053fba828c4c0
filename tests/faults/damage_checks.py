"""What must hold of a dataset that was damaged: noticed, never read as something else, and made whole again."""

from __future__ import annotations

import os
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from storage.tiers import Tiers
from storage.verification import Verification, verified
from tasks.ops.repair import Repair, repair_dataset
from tests.faults.damage_trials import Bench, Tree, differences, reads_of, touched, tree_below, unreadable_rows
from tests.faults.damages import DATASET, Target
from tests.faults.figures import record
from tests.oracles.published_dataset import receipt_bodies, record_body, version_bodies

Trial = Callable[[Bench, Tiers, list[Target]], None]


@dataclass
class Tally:
    """What was injected and held, by fault and by kind of file, and what did not hold."""

    injected: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    kinds: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def run(self, bench: Bench, fault: str, damaged: list[Target], tiers: Tiers, *, trial: Trial) -> None:
        """Run one trial; whatever goes wrong in it is noted, and everything put back."""
        self.injected[fault] += 1
        self.kinds |= {target.kind for target in damaged}
        try:
            trial(bench, tiers, damaged)
            self.held[fault] += 1
        except Exception as error:
            names = ", ".join(f"{target.kind} {target.path.relative_to(bench.base)}" for target in damaged)
            where = "" if isinstance(error, AssertionError) else traceback.format_exc()
            self.broken.append(f"{fault}: {names}: {error}{where}")
            bench.reset()
        finally:
            bench.tidy()
        if not all(target.path.exists() for target in damaged):
            # A spare that was made anew may have another name.
            bench.reset()

    def close(self) -> None:
        """Put the figures on record, and say what is broken."""
        for fault, injected in sorted(self.injected.items()):
            record(5, fault=fault, injected=injected, held=self.held[fault])
        assert not self.broken, f"{len(self.broken)} of {self.injected.total()}:\n" + "\n".join(self.broken)


# ---- One damage


def require_found_and_repaired(bench: Bench, tiers: Tiers, damaged: list[Target]) -> None:
    """Check everything that was promised of files that were damaged just now."""
    wanted = {target.item for target in damaged}
    found = verified(tiers, DATASET, share=1.0)
    require_named(found, wanted)
    reads = reads_of(bench, tiers)
    assert not reads.wrong, reads.wrong
    assert reads.refused == 0 or not all(target.is_copy for target in damaged), "the slow root has all of it"
    require_rows_told(bench, tiers, found)
    before = tree_below(bench.base)
    require_restored(bench, repair_dataset(tiers, DATASET, source=None, workers=1), wanted, before)


def require_named(found: Verification, wanted: set[Path]) -> None:
    """Check that what is damaged is named, and nothing else."""
    named = {damage.path for damage in found.damages}
    for path in [path for path in wanted if path.suffix == ".zip" and not os.path.lexists(path)]:
        # A spare that is gone is no damage, but there is a note.
        assert any(f"version {int(path.name[:8])} has no spare" in note for note in found.notes), found.notes
        named.add(path)
    assert plainly(named) <= plainly(wanted), f"named {texts(named)}, damaged {texts(wanted)}"
    # What stands on a version that cannot be read comes to light when that is restored.
    is_version_lost = any(path.parent.name == "versions" for path in named)
    assert is_version_lost or plainly(named) == plainly(wanted), f"damaged {texts(wanted)}, named {texts(named)}"


def plainly(paths: Iterable[Path]) -> set[Path]:
    """Return paths without what need not be told: which file of a plan it is, and the hash in a spare's name."""
    places = {path: path.parent if path.parent.parent.name == "plans" else path for path in paths}
    return {place.with_name(place.name[:8]) if place.suffix == ".zip" else place for place in places.values()}


def require_rows_told(bench: Bench, tiers: Tiers, found: Verification) -> None:
    """Check that the rows of a damaged shard that a reader can no longer have are those that were told."""
    bodies = (
        version_bodies(bench.dataset) if all(damage.path.parent.name == "objects" for damage in found.damages) else {}
    )
    for damage in found.damages:
        if bodies and damage.tier == "slow" and damage.shard is not None:
            side, number = int(damage.path.name.split("-")[0]), max(damage.versions)
            shards = bodies[number]["shards"]
            place = next(place for place, shard in enumerate(shards) if shard["key"] == damage.shard)
            first = sum(shard["rows"] for shard in shards[:place])
            rows = range(first, first + shards[place]["rows"])
            refused = unreadable_rows(tiers, number, side, bench.expected[number][str(side)], rows)
            told = {row for first, stop in damage.rows for row in range(first, stop)}
            assert told == refused, f"told of rows {told} of {damage.path.name}, cannot be read: {refused}"


def require_restored(bench: Bench, done: Repair, wanted: set[Path], before: Tree) -> None:
    """Check that all is as it was in the beginning, and that only what was damaged was written."""
    after = tree_below(bench.base)
    assert done.is_whole, done.unrepaired
    assert not differences(after, bench.whole), f"other than before: {texts(differences(after, bench.whole))}"
    assert plainly(done.repaired) == plainly(wanted), f"damaged {texts(wanted)}, repaired {texts(done.repaired)}"
    extra = {path for path in touched(after, before) if not wanted & {path, *path.parents}}
    assert extra <= companions(bench, wanted), f"touched {texts(extra)}"


def companions(bench: Bench, paths: set[Path]) -> set[Path]:
    """Return what may be written anew with `paths`, as the same bytes: the files of a plan, the sizes of a shard."""
    found = {path for damaged in paths if damaged.parent.parent.name == "plans" for path in damaged.parent.iterdir()}
    for receipt in receipt_bodies(bench.dataset).values():
        objects = {bench.dataset / "objects" / array["stored"]["name"] for array in receipt["arrays"]}
        if objects & paths:
            found |= objects
    return found


def texts(paths: Iterable[Path]) -> list[str]:
    """Return the last parts of paths, for a message."""
    return sorted("/".join(path.parts[-4:]) for path in paths)


# ---- Several at once


def spared_contents(bench: Bench) -> dict[Path, set[str]]:
    """Return the hashes of what each spare holds."""
    found = {}
    for path in sorted(bench.dataset.glob("spares/*.zip")):
        with zipfile.ZipFile(path) as archive:
            found[path] = {blake3(archive.read(name)).hexdigest() for name in archive.namelist()}
    return found


def is_lost(bench: Bench, target: Target, damaged: list[Target], spared: dict[Path, set[str]], tiers: Tiers) -> bool:
    """Tell whether nothing is left that an item could be restored from."""
    if target.is_copy or target.kind == "mark" or not is_spared(target):
        return False
    gone = {other.item for other in damaged}
    content = bench.whole[target.path][0]
    is_in_spare = any(content in contents for path, contents in spared.items() if path not in gone)
    copy = bench.base / "fast" / target.item.relative_to(bench.base / "slow")
    is_copied = tiers.is_split and copy in bench.whole and copy not in gone
    return not (is_in_spare or is_copied)


def is_spared(target: Target) -> bool:
    """Tell whether spares hold such files: all but pixels and copies."""
    return not target.is_copy and target.kind not in {"spare", "pixels", "metadata"} and "chunks" not in target.kind


def require_all_repaired(bench: Bench, tiers: Tiers, damaged: list[Target]) -> None:
    """Check that all of several damages are noticed or come to light, and that none is left."""
    wanted = {target.item for target in damaged}
    found = verified(tiers, DATASET, share=1.0)
    slow_only = {path for path in wanted if tiers.is_split or bench.dataset in path.parents}
    if slow_only and not all(path.suffix == ".zip" for path in slow_only):
        assert not found.is_whole
    assert plainly(damage.path for damage in found.damages) <= plainly(wanted)
    assert not reads_of(bench, tiers).wrong
    before = tree_below(bench.base)
    done = repair_dataset(tiers, DATASET, source=None, workers=1)
    if not tiers.is_split:
        # The copies are nobody's business then.
        assert done.is_whole, done.unrepaired
        done = repair_dataset(bench.tiers, DATASET, source=None, workers=1)
    assert done.is_whole, done.unrepaired
    after = tree_below(bench.base)
    assert not differences(after, bench.whole), f"other than before: {texts(differences(after, bench.whole))}"
    extra = {path for path in touched(after, before) if not wanted & {path, *path.parents}}
    assert extra <= companions(bench, wanted), f"touched {texts(extra)}"


def require_told_what_is_lost(bench: Bench, tiers: Tiers, damaged: list[Target], *, lost: set[Path]) -> None:
    """Check that what cannot be restored is named with a reason, and that nothing wrong was put in its place."""
    wanted = {target.item for target in damaged}
    done = repair_dataset(tiers, DATASET, source=None, workers=1)
    after = tree_below(bench.base)
    rebuilt = {path for path, how in done.repaired.items() if path.parent.name == "receipts" and "rebuilt" in how}
    is_version_lost = any(path.parent.name == "versions" for path in lost)
    for path in lost - rebuilt:
        # What only a lost version stood on, nobody asks for any more.
        is_told = plainly([path]) & plainly(path for path, why in done.unrepaired.items() if why)
        assert is_told or (is_version_lost and path.parent.name != "versions"), (
            f"lost {texts(lost)}, told {done.unrepaired}, repaired {done.repaired}"
        )
    left = {path for path in differences(after, bench.whole) if not wanted & {path, *path.parents}}
    assert all(path.suffix == ".zip" for path in left), f"other than before: {texts(left)}"
    assert not reads_of(bench, tiers).wrong
    again = verified(tiers, DATASET, share=1.0)
    assert {damage.path for damage in again.damages} == set(done.unrepaired), f"{again.damages}, {done.unrepaired}"
    for number in {1, 2} - {int(path.stem) for path in lost if path.parent.name == "versions"}:
        assert record_body(bench.dataset / f"versions/{number:08d}.json", "version")["number"] == number
    assert {path.name for path in bench.dataset.glob("versions/*")} <= {"00000001.json", "00000002.json"}
    bench.reset()
