"""A dataset may come from anybody: reading it runs no code, reads nothing outside, and refuses in a clear sentence."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.figures import record
from tests.faults.hostile_bcolz import bcolz_attacks
from tests.faults.hostile_dataset import Captured
from tests.faults.hostile_files import file_attacks
from tests.faults.hostile_hdf5 import hdf5_attacks
from tests.faults.hostile_reader import CANARY
from tests.faults.hostile_records import REFUSED, SAME, Attack, record_attacks
from tests.faults.hostile_runs import snapshot
from tests.faults.hostile_session import ReaderSession, Told
from tests.faults.hostile_tables import table_attacks
from tests.faults.hostile_watch import OpensWatch
from tests.faults.tiny_source import add_pictures

REFUSALS = {"DamagedDataset", "UnreadableRecord", "UnknownDataset", "ValueError"}
READING = ("status", "verify")
KEEPING = ("show", "stage", "gc", "repair")
"""Commands that look at all that is there, and may write: below the roots, or a picture."""
USES = [pytest.param(READING, id="read"), pytest.param(KEEPING, id="kept", marks=pytest.mark.slow)]
LONGEST = 20_000
"""Characters that a command may print about a dozen of pictures."""
MOST_BYTES = 1024**3
"""What an action may add to the process: the largest record here has 100 MB, and is read as JSON."""


@dataclass(frozen=True)
class Stage:
    """Where attacks take place: sound datasets to copy, and canaries that somebody watches."""

    place: Path
    sound: dict[str, Path]
    digests: dict[str, str]
    session: ReaderSession
    watch: OpensWatch

    @property
    def outside(self) -> Path:
        return self.place / "outside"

    @property
    def source(self) -> Path:
        return self.place / "source"


@pytest.fixture(scope="session")
def stage(place: Path) -> Iterator[Stage]:
    # In memory: a dataset is copied and removed for each attack.
    place = Path(tempfile.mkdtemp(dir=place))
    source = add_pictures(place / "source", 12)
    sound = {name: place / name for name in ("hdf5", "bcolz")}
    for name, root in sound.items():
        prepare(BareJob(str(source), str(root), array_format=name))
    put_canaries(place / "outside", sound)
    (place / "cwd").mkdir()
    with ReaderSession(place / "cwd") as session, OpensWatch(place / "outside") as watch:
        folders = {"out": place / "cwd", "source": source}
        digests = {name: session.told("open", root=root, **folders)["digest"] for name, root in sound.items()}
        yield Stage(place, sound, digests, session, watch)


def put_canaries(outside: Path, sound: dict[str, Path]) -> None:
    """Put what attacks point to: files that look right, of which nothing may come back."""
    outside.mkdir()
    content = CANARY * 2000
    for name in ("canary.bin", "canary.json", "canary.jpg", "canary"):
        (outside / name).write_bytes(content)
    with h5py.File(outside / "canary.h5", "w") as file:
        file["images"] = np.frombuffer(content, np.uint8)[: 8 * 16 * 16 * 3].reshape(8, 16, 16, 3)
        file["labels"] = np.zeros(8, np.int64)
        file["ids"] = np.zeros(8, np.uint64)
    os.mkfifo(outside / "pipe")
    shutil.copytree(sound["hdf5"] / "demo", outside / "twin")
    shutil.copytree(next((sound["bcolz"] / "demo" / "objects").glob("16-*")), outside / "canary.bcolz")


def named(attack: Attack) -> str:
    return attack[0]


@pytest.mark.parametrize("commands", USES)
@pytest.mark.parametrize("attack", record_attacks(), ids=named)
def test_records_that_lie_are_refused_or_harmless(attack: Attack, commands: tuple[str, ...], stage: Stage):
    assert_promises_kept(attack, "hdf5", commands, stage, fault="hostile records")


@pytest.mark.parametrize("commands", USES)
@pytest.mark.parametrize("attack", list(hdf5_attacks()), ids=named)
def test_hostile_hdf5_files_are_refused_or_harmless(attack: Attack, commands: tuple[str, ...], stage: Stage):
    assert_promises_kept(attack, "hdf5", commands, stage, fault="hostile HDF5")


@pytest.mark.parametrize("commands", USES)
@pytest.mark.parametrize("attack", list(bcolz_attacks()), ids=named)
def test_hostile_bcolz_folders_are_refused_or_harmless(attack: Attack, commands: tuple[str, ...], stage: Stage):
    assert_promises_kept(attack, "bcolz", commands, stage, fault="hostile bcolz")


@pytest.mark.parametrize("commands", USES)
@pytest.mark.parametrize("attack", list(table_attacks()), ids=named)
def test_hostile_tables_of_rows_are_refused_or_harmless(attack: Attack, commands: tuple[str, ...], stage: Stage):
    assert_promises_kept(attack, "hdf5", commands, stage, fault="hostile Parquet")


@pytest.mark.parametrize("commands", USES)
@pytest.mark.parametrize("attack", list(file_attacks()), ids=named)
def test_links_pipes_and_devices_in_place_of_files_lead_nowhere(
    attack: Attack, commands: tuple[str, ...], stage: Stage
):
    assert_promises_kept(attack, "hdf5", commands, stage, fault="links, pipes and devices")


def assert_promises_kept(
    attack: Attack, array_format: str, commands: tuple[str, ...], stage: Stage, *, fault: str
) -> None:
    """Attack a copy of a sound dataset, read it, run the commands, and look at what came of it."""
    _, apply, verdict = attack
    root, out = stage.place / "root", stage.place / "out"
    shutil.copytree(stage.sound[array_format], root)
    out.mkdir()
    captured = Captured(root / "demo", stage.outside, stage.place / "sentinel")
    try:
        apply(captured)
        before = snapshot(stage.outside)
        stage.watch.seen()
        broken = of_every_use(verdict, commands, stage, root=root, out=out, sound=stage.digests[array_format])
        broken += [f"{path} was opened" for path in stage.watch.seen()]
        broken += ["something outside was changed"] * (snapshot(stage.outside) != before)
        broken += ["code was run"] * (captured.sentinel.exists() or any((stage.place / "cwd").iterdir()))
        record(10, fault=fault, injected=1, held=int(not broken))
        assert not broken, "\n".join(broken)
    finally:
        shutil.rmtree(out)
        shutil.rmtree(root)


def of_every_use(
    verdict: str, commands: tuple[str, ...], stage: Stage, *, root: Path, out: Path, sound: str
) -> list[str]:
    """Return what is wrong with how reading and the commands ended; `sound` is the digest of the rows as they were."""
    folders = {"root": root, "out": out, "source": stage.source}
    read = stage.session.told("open", **folders)
    broken = of_reading(read, root)
    if "error" not in read:
        broken += ["it was read"] * (verdict == REFUSED)
        broken += ["other rows were read"] * (verdict == SAME and read["digest"] != sound)
    elif verdict == SAME:
        broken += [f"it was refused: {read['message']:.300}"]
    broken += of_reading(stage.session.told("unchecked", **folders), root)
    for command in commands:
        told = stage.session.told(command, **folders)
        broken += [f"{command}: {sentence}" for sentence in of_command(told)]
    return broken


def of_any_use(told: Told) -> list[str]:
    """Return what happened outside, and what was believed of claims beyond measure."""
    return told["violations"] + [f"{told['grown'] / 1e6:.0f} MB were taken"] * (told["grown"] > MOST_BYTES)


def of_reading(told: Told, root: Path) -> list[str]:
    """Return what is wrong with how reading ended."""
    broken = of_any_use(told)
    if "error" not in told:
        return broken + ["a canary was read"] * told["leaks"]
    if not REFUSALS & set(told["family"]):
        broken.append(f"{told['error']}: {told['message']:.300}")
    elif str(root) not in told["message"] or len(told["message"]) > LONGEST:
        broken.append(f"{told['error']} does not name the path: {told['message']:.300}")
    return broken


def of_command(told: Told) -> list[str]:
    """Return what is wrong with how a command ended, and with what it printed."""
    broken = of_any_use(told)
    if "error" in told:
        return [*broken, f"traceback: {told['error']}: {told['message']:.300}"]
    if told["exit"] not in (0, 1, 2):
        broken.append(f"exit code {told['exit']}: {told['output']:.300}")
    output = told["output"]
    broken += ["a canary was printed"] * (CANARY.decode() in output)
    broken += ["controls were printed"] * any(not character.isprintable() and character != "\n" for character in output)
    broken += [f"{len(output)} characters were printed"] * (len(output) > LONGEST)
    return broken
