"""Whatever lies in the source, a run ends, stores or refuses each input, and touches nothing outside its root."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import pytest
from blake3 import blake3

from storage.refused import Reason
from tasks.ops.worker_guard import MEMORY_BYTES
from tests.faults.bare_prepare import BareJob, run_bare
from tests.faults.figures import record
from tests.faults.hostile_claims import false_pictures
from tests.faults.hostile_mutations import mutants
from tests.faults.hostile_names import NAMES, Tree, put_hostile_kinds, put_hostile_names
from tests.faults.hostile_pictures import EITHER, REFUSED, STORED, jpeg, odd_pictures
from tests.faults.hostile_runs import RUN_SECONDS, Published, Watched, listed_below, published, watched_run
from tests.oracles.conversions import largest_difference
from tests.oracles.published_rows import expected_square

SIDE = 16
FAST, BATCH = 500, 1900
"""Mutants that every run of the tests tries, and those of each of five batches besides."""

SHARED_BYTES = 256 * 1024**2
"""What a process may have resident beyond its own limit: libraries, which all of them share."""

BATCHES = [(0, FAST), *(pytest.param((FAST + n * BATCH, BATCH), marks=pytest.mark.slow) for n in range(5))]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"from-{batch[0]}")
def test_mutated_images_are_stored_as_pillow_sees_them_or_refused_with_a_reason(batch: tuple[int, int], tmp_path: Path):
    for mutant in mutants(*batch):
        path = tmp_path / "source" / mutant.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutant.content)
    ended, held = watched(tmp_path, rows_per_shard=64)
    # A progressive picture without its last scans is smoothed, by each version of libjpeg in its own way.
    wrong = [path for path in held.squares if not is_as_expected(tmp_path / "source", path, held, allowed=2)]
    count = batch[1]
    record(9, fault="mutated images", injected=count, held=count - len(wrong), **told_by(ended, held))
    assert set(held.squares) | set(held.reasons) == listed_below(tmp_path / "source")
    assert held.listed == len(held.squares) + len(held.reasons) == count
    assert set(held.reasons.values()) <= {reason.value for reason in Reason} - {"crashed", "too-much-memory"}
    assert wrong == []


def test_hand_made_inputs_are_stored_exactly_or_refused_for_their_reason(tmp_path: Path):
    tree = Tree(tmp_path / "source", tmp_path / "outside", {})
    tree.outside.mkdir()
    (tree.outside / "canary.jpg").write_bytes(jpeg())
    for name, content, verdict in (*odd_pictures(), *false_pictures()):
        tree.put(b"pictures/" + name.encode(), content, verdict)
    put_hostile_names(tree)
    put_hostile_kinds(tree)
    try:
        ended, held = watched(tmp_path, rows_per_shard=32)
        unmet = {
            path: (verdict, held.reasons.get(path, "stored otherwise"))
            for path, verdict in tree.verdicts.items()
            if not is_met(verdict, tree.source, path, held)
        }
        injected = len(tree.verdicts)
        record(9, fault="hand-made inputs", injected=injected, held=injected - len(unmet), **told_by(ended, held))
        assert unmet == {}
        assert set(held.squares) | set(held.reasons) == listed_below(tree.source) == set(tree.verdicts)
        assert held.listed == len(held.squares) + len(held.reasons) >= 200
    finally:
        # Names that are not text, and files of 10 GB, are nothing to leave behind.
        shutil.rmtree(tree.source)


CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
"""What Markdown shows as it is (CommonMark 6.1)."""


def test_hostile_names_of_refused_inputs_stay_names_on_the_card(tmp_path: Path):
    tree = Tree(tmp_path / "source", tmp_path, {})
    tree.put(b"cat/sound.jpg", jpeg(), STORED)
    for name in [name for name in NAMES if set(name) & set(b"<|`*[&{\x1b\n")][:20]:
        tree.put(b"cat/" + name, b"", "empty")
    _, held = watched(tmp_path, rows_per_shard=8)
    code = "".join(match[2] for match in CODE_SPAN.finditer(held.card))
    assert not any(ord(character) < 32 and character != "\n" for character in held.card)
    for markup in ("<script", "onerror=", "**bold**", "[red]", "\\x1b[31m", "\\x0a", "&lt;b"):
        assert markup in code
        assert markup not in CODE_SPAN.sub("", held.card)


@pytest.mark.parametrize(("name", "depth"), [(b"d", 1500), (b"d" * 200, 25)], ids=["levels", "bytes"])
def test_a_picture_deeper_than_any_path_is_stored_or_the_run_says_in_a_sentence_why_not(
    name: bytes, depth: int, tmp_path: Path
):
    below = put_deep(tmp_path / "source" / "cat", name, depth)
    try:
        process = run_bare(BareJob(str(tmp_path / "source"), str(tmp_path / "root")))
        output, errors = process.communicate(timeout=RUN_SECONDS)
        assert "Traceback" not in errors
        if process.returncode == 0:
            assert set(published(tmp_path / "root").squares) == {below}
        else:
            assert process.returncode == 2
            assert len(json.loads(output)["message"]) < 1000
    finally:
        # Deeper than Python's own removal goes.
        subprocess.run(["rm", "-rf", tmp_path / "source"], check=True)


def put_deep(start: Path, name: bytes, depth: int) -> bytes:
    """Put a sound picture `depth` folders below the class `start`; return its path from the source."""
    start.mkdir(parents=True)
    folder = os.open(start, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    file = os.open("picture.jpg", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
    os.write(file, jpeg())
    os.close(file)
    os.close(folder)
    return b"/".join([os.fsencode(start.name), *[name] * depth, b"picture.jpg"])


def watched(place: Path, *, rows_per_shard: int) -> tuple[Watched, Published]:
    """Prepare the source at `place`; check how the run ended, what memory it took, and that it left all else alone."""
    ended = watched_run(place, rows_per_shard=rows_per_shard)
    assert (ended.code, ended.errors, ended.told.get("status")) == (0, "", "published")
    assert ended.changed == []
    assert ended.peak_bytes < MEMORY_BYTES + SHARED_BYTES
    return ended, published(place / "root")


def is_met(verdict: str, source: Path, path: bytes, held: Published) -> bool:
    if verdict in (STORED, EITHER) and path in held.squares:
        return verdict == EITHER or is_as_expected(source, path, held, allowed=1)
    return path in held.reasons and verdict in (REFUSED, EITHER, held.reasons[path])


def is_as_expected(source: Path, path: bytes, held: Published, *, allowed: int) -> bool:
    """Tell whether a stored row is what plain Pillow makes of the file, and remembers the file's hash."""
    file = Path(os.fsdecode(os.path.join(os.fsencode(source), path)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = expected_square(file, SIDE)
    except (OSError, SyntaxError, ValueError):
        return False
    same = largest_difference(held.squares[path], expected) <= allowed
    return same and held.sources[path] == blake3(file.read_bytes()).hexdigest()


def told_by(ended: Watched, held: Published) -> dict[str, int | str]:
    reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(held.reasons.values()).most_common())
    return {"stored": len(held.squares), "refused": reasons, "peak_megabytes": round(ended.peak_bytes / 1e6)}
