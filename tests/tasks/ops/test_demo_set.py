"""A demonstration set is the same whoever draws it, is drawn once, and never holds half a file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.ops.demo_images import rendered
from tasks.ops.demo_set import DemoRootTaken, DemoSummary, render_demo_set
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font

SPEC = DemoSpec(60, 5, "small", seed=3)
BROKEN_IN_SPEC = 2


def drawn(root: Path, spec: DemoSpec = SPEC, *, workers: int = 1) -> DemoSummary:
    return render_demo_set(root, spec, font=find_emoji_font(), workers=workers, on_progress=lambda _: None)


def digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    drawn(folder)
    return folder


def test_one_worker_and_two_write_the_same_bytes(root: Path, tmp_path: Path):
    drawn(tmp_path, workers=2)
    assert digests(tmp_path) == digests(root)


def test_another_seed_writes_other_pictures():
    font = find_emoji_font()
    ours, theirs = (rendered(DemoSpec(seed=seed, scale="small"), 0, 0, font=font) for seed in (0, 1))
    assert ours.name == theirs.name
    assert ours.content != theirs.content


def test_the_tree_is_imagenets(root: Path):
    folders = list((root / "train").iterdir())
    assert len(folders) == 60
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert names == {f"{folder.name}_{number}.JPEG" for number in range(5)}


def test_small_sets_have_small_pictures(root: Path):
    for path in sorted((root / "train").rglob("*_0.JPEG"))[:20]:
        content = path.read_bytes()
        if content[:2] == b"\xff\xd8" and b"\xff\xc0" in content:
            with Image.open(io.BytesIO(content)) as image:
                assert 64 <= min(image.size) <= 96 or image.size == (13370, 13370)


def test_the_record_names_every_odd_file_and_the_reason_of_every_broken_one(root: Path):
    record = json.loads((root / "expected.json").read_text())
    assert all((root / "train" / name).is_file() for name in record)
    reasons = {name: entry["reason"] for name, entry in record.items() if entry["reason"]}
    assert len(reasons) == BROKEN_IN_SPEC
    for path in (root / "train").rglob("*.JPEG"):
        name = str(path.relative_to(root / "train"))
        if name in record:
            continue
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode, image.info.get("progressive")) == ("JPEG", "RGB", None)


def test_a_second_call_draws_nothing(root: Path):
    before = {path: path.stat().st_mtime_ns for path in (root / "train").rglob("*")}
    assert drawn(root) == DemoSummary(root / "train", images=300, rendered=0, broken=BROKEN_IN_SPEC)
    assert {path: path.stat().st_mtime_ns for path in (root / "train").rglob("*")} == before


def test_a_lost_file_and_one_emptied_by_a_power_cut_are_drawn_again(tmp_path: Path):
    spec = DemoSpec(4, 3, "small")
    drawn(tmp_path, spec)
    before = digests(tmp_path)
    lost, emptied, *_ = sorted((tmp_path / "train").rglob("*.JPEG"))
    lost.unlink()
    emptied.write_bytes(b"")
    assert drawn(tmp_path, spec).rendered == 2
    assert digests(tmp_path) == before


def test_what_a_killed_run_left_is_swept_and_what_another_run_writes_is_not(tmp_path: Path):
    stale, fresh = tmp_path / "tmp/stale", tmp_path / "tmp/fresh"
    for folder in (stale, fresh):
        folder.mkdir(parents=True)
        (folder / "half.JPEG").write_bytes(b"half")
    os.utime(stale, (0, 0))
    drawn(tmp_path, DemoSpec(2, 2, "small"))
    assert list((tmp_path / "tmp").iterdir()) == [fresh]
    fresh.rename(tmp_path / "elsewhere")
    drawn(tmp_path, DemoSpec(2, 2, "small"))
    assert not (tmp_path / "tmp").exists()


def test_progress_adds_up_to_the_files_written(tmp_path: Path):
    steps: list[int] = []
    spec = DemoSpec(10, 4, "small")
    render_demo_set(tmp_path, spec, font=find_emoji_font(), workers=1, on_progress=steps.append)
    assert sum(steps) == 40
    assert len(steps) > 3


def test_a_root_with_another_set_is_refused_and_left_alone(root: Path):
    before = digests(root)
    with pytest.raises(DemoRootTaken, match=r"another demonstration set.*'seed': 4.*found.*'seed': 3.*another root"):
        drawn(root, DemoSpec(60, 5, "small", seed=4))
    assert digests(root) == before


def test_a_tree_of_somebody_elses_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "train/n01440764").mkdir(parents=True)
    with pytest.raises(DemoRootTaken, match="is not a demonstration set of ours"):
        drawn(tmp_path)
    assert digests(tmp_path) == {}


def test_no_worker_at_all_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="at least 1 worker is needed, got 0"):
        drawn(tmp_path, workers=0)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_call_leaves_only_whole_files_and_the_next_one_finishes(
    root: Path, tmp_path: Path, how: signal.Signals
):
    program = (
        "from pathlib import Path; from tasks.ops.demo_set import render_demo_set;"
        "from tasks.ops.demo_spec import DemoSpec; from tasks.ops.emoji_font import find_emoji_font;"
        f"render_demo_set(Path({str(tmp_path)!r}), DemoSpec(60, 5, 'small', 3), font=find_emoji_font(),"
        " workers=1, on_progress=lambda n: print(n, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        process.send_signal(how)
        process.wait(timeout=20)
    whole = digests(root)
    found = digests(tmp_path / "train")
    assert 0 < len(found) < 300
    assert all(whole[f"train/{name}"] == digest for name, digest in found.items())
    assert drawn(tmp_path).rendered == 300 - len(found)
    assert digests(tmp_path / "train") == digests(root / "train")


def test_full_size_files_are_like_imagenets():
    font = find_emoji_font()
    spec = DemoSpec(seed=5)
    started = time.process_time()
    contents = [rendered(spec, number * 5, 0, font=font).content for number in range(100)]
    seconds = (time.process_time() - started) / len(contents)
    photos = [content for content in contents if content[:2] == b"\xff\xd8" and content[-2:] == b"\xff\xd9"]
    assert 70_000 < np.mean([len(content) for content in contents]) < 140_000
    sizes = [Image.open(io.BytesIO(content)).size for content in photos if len(content) > 20_000]
    assert 0.4 < sum(size in ((500, 375), (375, 500)) for size in sizes) / len(sizes) < 0.85
    assert seconds < 0.1  # about 0.015 on a quiet machine
