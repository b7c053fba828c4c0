"""One shard, built in this process: its receipt says what libraries of others find on disk, or there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcolz
import google_crc32c
import h5py
import numpy as np
import pytest
from blake3 import blake3
from numpy.typing import NDArray
from PIL import Image

from storage.datasets import create_dataset
from storage.errors import DamagedDataset, DiskFull
from storage.layout import DatasetFolder
from storage.parameters import Parameters
from tasks.ops.shard_building import DecodingGuard, ShardJob, build_shard
from tests.oracles.conversions import encoded, plain_rgb

FORMATS = ("bcolz", "hdf5")
UNGUARDED = DecodingGuard()
BAD = {"cat/empty.jpg": b"", "cat/text.jpg": b"not an image", "cat/magic.png": b"\x89PNG\r\n\x1a\n"}


@pytest.fixture
def mixed(pngs: Callable[[int], dict[str, bytes]]) -> dict[str, bytes]:
    """Five good pictures, among them three bad ones."""
    good = pngs(5)
    half = good["cat/0.png"][:200]
    return {"cat/empty.jpg": b"", **good, "cat/text.jpg": b"not an image", "cat/half.png": half}


def opened(path: Path) -> dict[str, NDArray[Any]]:
    """Read an object with its library alone."""
    if path.is_dir():
        return {name: np.asarray(bcolz.open(str(path / name), mode="r")[:]) for name in ("images", "labels", "ids")}
    with h5py.File(path) as file:
        return {name: np.asarray(file[name]) for name in ("images", "labels", "ids")}


def plain_digest(path: Path) -> tuple[str, int]:
    """Return BLAKE3 and bytes of a file, or of a folder each file as name, NUL, size, NUL, content."""
    if path.is_file():
        content = path.read_bytes()
        return blake3(content).hexdigest(), len(content)
    files = sorted((os.fsencode(file.relative_to(path)), file) for file in path.rglob("*") if file.is_file())
    contents = [(name, file.read_bytes()) for name, file in files]
    line = b"".join(b"%s\0%d\0%s" % (name, len(content), content) for name, content in contents)
    return blake3(line).hexdigest(), sum(len(content) for _, content in contents)


def receipt_on_disk(folder: DatasetFolder, key: str) -> dict[str, Any]:
    return json.loads((folder.path / "receipts" / f"{key}.json").read_text())["body"]


def shrunk(content: bytes, side: int) -> NDArray[np.uint8]:
    """Return a square picture of 16 pixels at another size, by Pillow alone."""
    return np.asarray(Image.fromarray(plain_rgb(content)).resize((side, side), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("name", FORMATS)
def test_the_receipt_and_the_files_hold_what_went_in(
    name: str, make_job, mixed: dict[str, bytes], parameters: Parameters, folder: DatasetFolder
):
    job = make_job(mixed, parameters=replace(parameters, array_format=name))
    receipt = build_shard(job, UNGUARDED)
    body = receipt_on_disk(folder, job.key)
    good = [position for position, path in enumerate(mixed) if path[4:5].isdigit()]
    paths = list(mixed)
    ids = np.array([int(blake3(paths[row].encode()).hexdigest()[:16], 16) for row in good], np.uint64)
    assert body["rows"] == receipt.rows == 5
    assert body["sources"] == [blake3(content).hexdigest() for content in mixed.values()]
    assert body["ids_digest"] == blake3(ids.tobytes()).hexdigest()
    assert [array["side"] for array in body["arrays"]] == [16, 8]
    for array in body["arrays"]:
        path = folder.objects / array["stored"]["name"]
        found = opened(path)
        assert plain_digest(path) == (array["stored"]["digest"], array["stored"]["bytes"])
        assert array["stored"]["digest"] in path.name
        assert found["labels"].tolist() == good
        assert found["ids"].tolist() == ids.tolist()
        for row, position in enumerate(good):
            assert np.array_equal(found["images"][row], shrunk(mixed[paths[position]], array["side"]))
        chunk = array["rows_per_chunk"]
        blocks = [found["images"][first : first + chunk].tobytes() for first in range(0, 5, chunk)]
        assert array["chunk_crcs"] == [google_crc32c.value(block) for block in blocks]


def test_refused_inputs_stand_in_the_receipt_in_their_order(make_job, mixed: dict[str, bytes], folder: DatasetFolder):
    job = make_job(mixed)
    build_shard(job, UNGUARDED)
    refused = receipt_on_disk(folder, job.key)["refused"]
    assert [(one["position"], one["name"], one["reason"]) for one in refused] == [
        (0, "cat/empty.jpg", "empty"),
        (6, "cat/text.jpg", "unknown-format"),
        (7, "cat/half.png", "truncated"),
    ]
    assert "6e 6f 74 20 61 6e" in refused[1]["detail"]


def test_a_file_that_cannot_be_read_has_no_hash(make_job, pngs, folder: DatasetFolder):
    job = make_job(pngs(3))
    (job.source / "cat" / "1.png").unlink()
    body = receipt_on_disk(folder, build_shard(job, UNGUARDED).key)
    assert [bool(source) for source in body["sources"]] == [True, False, True]
    assert body["refused"][0]["reason"] == "missing"


@pytest.mark.parametrize("name", FORMATS)
def test_a_shard_of_which_all_is_refused_has_a_receipt_and_no_object(
    name: str, make_job, parameters: Parameters, folder: DatasetFolder
):
    job = make_job(BAD, parameters=replace(parameters, array_format=name))
    build_shard(job, UNGUARDED)
    body = receipt_on_disk(folder, job.key)
    assert (body["rows"], body["arrays"], len(body["refused"]), len(body["sources"])) == (0, [], 3, 3)
    assert os.listdir(folder.objects) == []


def test_an_input_that_crashed_before_is_not_decoded_again(make_job, pngs, folder: DatasetFolder):
    decoded: list[int] = []

    class Watch(DecodingGuard):
        def decoding(self, position: int):
            decoded.append(position)
            return nullcontext()

    job = make_job(pngs(3), crashed={1: "ended the worker process twice"})
    build_shard(job, Watch())
    body = receipt_on_disk(folder, job.key)
    assert decoded == [0, 2]
    assert [(one["position"], one["reason"], one["detail"]) for one in body["refused"]] == [
        (1, "crashed", "ended the worker process twice")
    ]
    assert body["sources"][1]


def test_the_same_images_give_the_same_objects_whoever_builds_them(make_job, pngs, tmp_path: Path):
    first = build_shard(make_job(pngs(4)), UNGUARDED)
    elsewhere = create_dataset(tmp_path / "elsewhere", "photos")
    again = build_shard(make_job(pngs(4), folder=elsewhere, scratch=elsewhere.tmp), UNGUARDED)
    assert again.identity == first.identity
    assert again.arrays == first.arrays


def test_names_labels_bytes_and_parameters_all_decide_the_identity(make_job, pngs, parameters: Parameters):
    files = pngs(2)
    renamed = {name.replace("cat", "dog"): content for name, content in files.items()}
    first = build_shard(make_job(files, key="a" * 64), UNGUARDED)
    others = [
        build_shard(make_job(files, key="b" * 64, labels=(1, 0)), UNGUARDED),
        build_shard(make_job(files, key="c" * 64, parameters=replace(parameters, max_scans=3)), UNGUARDED),
        build_shard(make_job(renamed, key="d" * 64), UNGUARDED),
        build_shard(make_job({**files, "cat/1.png": files["cat/0.png"]}, key="e" * 64), UNGUARDED),
    ]
    assert len({first.identity, *(other.identity for other in others)}) == 5


def _times(job: ShardJob) -> tuple[int, ...]:
    return tuple((job.source / name).stat().st_mtime_ns for name in job.names)


def _sizes(job: ShardJob) -> tuple[int, ...]:
    return tuple((job.source / name).stat().st_size for name in job.names)


def test_a_shard_with_a_receipt_is_not_built_again(make_job, pngs):
    job = make_job(pngs(3))
    first = build_shard(job, UNGUARDED)
    shutil.rmtree(job.source)
    assert build_shard(job, UNGUARDED) == first


def test_a_shard_whose_object_is_gone_is_built_again(make_job, pngs, folder: DatasetFolder):
    job = make_job(pngs(3))
    first = build_shard(job, UNGUARDED)
    gone = folder.objects / first.arrays[1].stored.name
    before = gone.read_bytes()
    gone.unlink()
    assert build_shard(job, UNGUARDED).arrays == first.arrays
    assert gone.read_bytes() == before


def touched(job: ShardJob, key: str) -> ShardJob:
    for name in job.names:
        os.utime(job.source / name, ns=(0, 1_700_000_000_000_000_000))
    return replace(job, key=key, predecessor=job.key, mtimes_ns=_times(job))


def test_files_with_another_time_and_the_same_bytes_share_the_objects(make_job, pngs, folder: DatasetFolder):
    job = make_job(pngs(3))
    first = build_shard(job, UNGUARDED)
    second = build_shard(touched(job, "f" * 64), UNGUARDED)
    assert (second.key, second.identity, second.arrays) == ("f" * 64, first.identity, first.arrays)
    assert receipt_on_disk(folder, "f" * 64)["identity"] == first.identity
    assert len(os.listdir(folder.objects)) == 2


def test_files_with_other_bytes_under_an_old_name_are_built(make_job, pngs, folder: DatasetFolder):
    files = pngs(4)
    job = make_job({name: files[name] for name in list(files)[:3]})
    first = build_shard(job, UNGUARDED)
    (job.source / "cat" / "1.png").write_bytes(files["cat/3.png"])
    changed = replace(touched(job, "f" * 64), sizes=_sizes(job))
    second = build_shard(changed, UNGUARDED)
    assert second.identity != first.identity
    pixels = opened(folder.objects / second.arrays[0].stored.name)["images"]
    assert np.array_equal(pixels[1], plain_rgb(files["cat/3.png"]))
    assert len(os.listdir(folder.objects)) == 4


def test_a_half_that_a_dead_worker_left_is_built_over(make_job, pngs, folder: DatasetFolder):
    job = make_job(pngs(3))
    (folder.tmp / f"{job.key}-16.h5").write_bytes(b"half a file")
    assert build_shard(job, UNGUARDED).rows == 3
    assert list(folder.tmp.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_what_does_not_read_back_as_it_was_written_gets_no_receipt(
    name: str, make_job, pngs, parameters: Parameters, folder: DatasetFolder
):
    # Whoever is told of the last image flips a bit of the chunks that lie in the scratch folder by then.
    parameters = replace(parameters, array_format=name, sides=(256,))
    big = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)), "PNG")
    files = {f"cat/{number}.png": big for number in range(60)}

    class Saboteur(DecodingGuard):
        def decoding(self, position: int):
            if position == len(files) - 1:
                (built,) = folder.tmp.iterdir()
                target = built / "images" / "data" / "__0.blp" if built.is_dir() else built
                with target.open("r+b") as file:
                    file.seek(target.stat().st_size // 2)
                    byte = file.read(1)
                    file.seek(-1, os.SEEK_CUR)
                    file.write(bytes([byte[0] ^ 1]))
            return nullcontext()

    job = make_job(files, parameters=parameters)
    with pytest.raises(DamagedDataset):
        build_shard(job, Saboteur())
    assert os.listdir(folder.objects) == []
    assert os.listdir(folder.path / "receipts") == []


@contextmanager
def small_disk(at: Path, size: str) -> Iterator[None]:
    """Mount a file system of `size` at a folder; skip the test where that is not allowed."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a full disk needs the right to mount one: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_says_so_and_leaves_no_object_and_no_receipt(
    name: str, make_job, parameters: Parameters, tmp_path: Path
):
    noise = np.random.default_rng(1).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    files = {f"cat/{number}.png": encoded(Image.fromarray(noise), "PNG") for number in range(40)}
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", "1m"):
        folder = create_dataset(tmp_path / "disk", "photos")
        job = make_job(
            files, folder=folder, scratch=folder.tmp, parameters=replace(parameters, array_format=name, sides=(128,))
        )
        with pytest.raises(
            DiskFull, match=r"the disk is full, or a quota is, while shard [0-9a-f]{12} was built\. .* Free some space"
        ):
            build_shard(job, UNGUARDED)
        assert os.listdir(folder.objects) == []
        assert os.listdir(folder.path / "receipts") == []
        assert os.listdir(folder.tmp) == []


def test_a_receipt_counts_the_cpu_that_it_took(make_job, pngs):
    assert 0 < build_shard(make_job(pngs(3)), UNGUARDED).cpu_seconds < 5


def test_images_of_a_lost_mount_are_stored_once_it_is_back(make_job, pngs, tmp_path: Path):
    job: ShardJob = make_job(pngs(5))
    away = (job.source / "cat").rename(tmp_path / "away")
    lost = build_shard(job, DecodingGuard())
    assert [refused.reason for refused in lost.refused] == ["missing"] * 5
    away.rename(job.source / "cat")
    found = build_shard(job, DecodingGuard())
    assert (found.rows, found.refused) == (5, ())
    assert build_shard(job, DecodingGuard()) == found
