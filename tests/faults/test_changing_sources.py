"""A source that changes after it was listed: each image is stored whole, as it was or as it is, or refused."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from numpy.typing import NDArray
from PIL import Image

from storage.receipts import Receipt
from tasks.ops.shard_building import ShardJob, build_shard
from tasks.ops.shard_pool import build_shards
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.figures import record
from tests.faults.hostile_names import bind_socket
from tests.faults.hostile_pictures import PHOTO, jpeg
from tests.faults.hostile_runs import Published, published
from tests.oracles.conversions import encoded, largest_difference
from tests.oracles.published_rows import expected_square

SIDE = 16
SOUND, OTHER = jpeg(quality=80), jpeg(PHOTO.rotate(180), quality=60)


def rewritten(file: Path, outside: Path) -> None:
    file.write_bytes(OTHER)


def rewritten_at_the_same_length(file: Path, outside: Path) -> None:
    file.write_bytes(OTHER.ljust(len(SOUND), b"\0")[: len(SOUND)])


def touched(file: Path, outside: Path) -> None:
    os.utime(file, (1, 1))


def grown(file: Path, outside: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"\0")


def cut_in_half(file: Path, outside: Path) -> None:
    os.truncate(file, len(SOUND) // 2)


def emptied(file: Path, outside: Path) -> None:
    os.truncate(file, 0)


def made_huge(file: Path, outside: Path) -> None:
    os.truncate(file, 10 * 1000**3)


def swapped_for_another(file: Path, outside: Path) -> None:
    (outside / "another.jpg").write_bytes(OTHER)
    (outside / "another.jpg").replace(file)


def deleted(file: Path, outside: Path) -> None:
    file.unlink()


def moved_away_with_its_folder(file: Path, outside: Path) -> None:
    file.parent.rename(outside / "moved")


def become_a_link(file: Path, outside: Path) -> None:
    file.unlink()
    file.symlink_to(outside / "canary.jpg")


def become_a_link_to_itself(file: Path, outside: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def in_a_folder_become_a_link(file: Path, outside: Path) -> None:
    """The folder that it leads to holds what was listed: name, bytes and time."""
    file.parent.rename(outside / "there")
    file.parent.symlink_to(outside / "there")


def become_a_folder(file: Path, outside: Path) -> None:
    file.unlink()
    file.mkdir()


def in_a_folder_become_a_file(file: Path, outside: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_bytes(SOUND)


def become_a_pipe(file: Path, outside: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def become_a_socket(file: Path, outside: Path) -> None:
    file.unlink()
    bind_socket(file)


def become_a_hard_link(file: Path, outside: Path) -> None:
    file.unlink()
    file.hardlink_to(outside / "canary.jpg")


CHANGES: dict[Callable[[Path, Path], None], str] = {
    rewritten: "changed",
    rewritten_at_the_same_length: "changed",
    touched: "changed",
    grown: "changed",
    cut_in_half: "changed",
    emptied: "changed",
    made_huge: "changed",
    swapped_for_another: "changed",
    become_a_hard_link: "changed",
    deleted: "missing",
    moved_away_with_its_folder: "missing",
    become_a_link: "not-a-regular-file",
    become_a_link_to_itself: "not-a-regular-file",
    in_a_folder_become_a_link: "not-a-regular-file",
    become_a_folder: "not-a-regular-file",
    in_a_folder_become_a_file: "not-a-regular-file",
    become_a_pipe: "not-a-regular-file",
    become_a_socket: "not-a-regular-file",
}


def test_what_changed_between_listing_and_reading_is_refused_and_the_rest_is_stored(tmp_path: Path):
    source, outside = tmp_path / "source", tmp_path / "outside"
    outside.mkdir()
    (outside / "canary.jpg").write_bytes(OTHER)
    for change in CHANGES:
        for name in (f"{change.__name__}/it.jpg", f"beside/{change.__name__}.jpg"):
            put(source / name, SOUND)

    def change_all() -> None:
        for change in CHANGES:
            change(source / change.__name__ / "it.jpg", outside)

    held = prepared_while(source, tmp_path / "root", change_all)
    expected = {f"{change.__name__}/it.jpg".encode(): reason for change, reason in CHANGES.items()}
    kept = sum(held.reasons.get(path) == reason for path, reason in expected.items())
    record(9, fault="sources changed between listing and reading", injected=len(CHANGES), held=kept)
    assert held.reasons == expected
    assert set(held.squares) == {f"beside/{change.__name__}.jpg".encode() for change in CHANGES}
    assert all(is_whole(held, path, [SOUND]) for path in held.squares)


def test_the_next_run_stores_what_the_changed_files_hold_by_then(tmp_path: Path):
    source, root = tmp_path / "source", tmp_path / "root"
    for name in ("changing.jpg", "steady.jpg"):
        put(source / "cat" / name, SOUND)
    first = prepared_while(source, root, lambda: rewritten(source / "cat" / "changing.jpg", tmp_path))
    assert first.reasons == {b"cat/changing.jpg": "changed"}
    second = prepared_while(source, root, lambda: None)
    assert second.reasons == {}
    assert is_whole(second, b"cat/changing.jpg", [OTHER])
    assert is_whole(second, b"cat/steady.jpg", [SOUND])


ROUNDS = [1, pytest.param(15, marks=pytest.mark.slow)]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_file_under_a_writer_that_never_rests_is_stored_whole_or_refused(rounds: int, tmp_path: Path):
    pictures = [encoded(picture.resize((700, 700)), "BMP") for picture in (PHOTO, PHOTO.rotate(180), grey(200))]
    stored = refused = torn = 0
    for number in range(rounds):
        source = tmp_path / f"source-{number}"
        files = [put(source / "cat" / f"{place:02d}.bmp", pictures[place % 2]) for place in range(40)]
        with writing(files, pictures) as start:
            held = prepared_while(source, tmp_path / f"root-{number}", start)
        assert set(held.reasons.values()) <= {"changed"}
        assert len(held.squares) + len(held.reasons) == len(files)
        torn += sum(not is_whole(held, path, pictures) for path in held.squares)
        stored, refused = stored + len(held.squares), refused + len(held.reasons)
        shutil.rmtree(source)
    record(9, fault="files rewritten while they were read", injected=stored + refused, held=stored + refused - torn)
    assert torn == 0
    # Else the writer was too late, and nothing was tested.
    assert refused > 0


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_folder_that_flickers_between_itself_and_a_link_never_leads_outside(rounds: int, tmp_path: Path):
    stored = refused = foreign = 0
    for number in range(rounds):
        source, outside = tmp_path / f"source-{number}", tmp_path / f"outside-{number}"
        for place in range(200):
            inside = put(source / "cat" / f"{place:03d}.jpg", SOUND)
            canary = put(outside / inside.name, OTHER.ljust(len(SOUND), b"\0"))
            os.utime(canary, ns=(inside.stat().st_mtime_ns, inside.stat().st_mtime_ns))
        put(source / "dog" / "000.jpg", SOUND)
        with repeating(lambda cat=source / "cat", to=outside: flicker(cat, to)) as start:
            held = prepared_while(source, tmp_path / f"root-{number}", start)
        assert set(held.reasons.values()) <= {"missing", "not-a-regular-file"}
        foreign += sum(not is_whole(held, path, [SOUND]) for path in held.squares)
        stored, refused = stored + len(held.squares), refused + len(held.reasons)
    total = stored + refused
    record(9, fault="files whose folder was now and then a link", injected=total, held=total - foreign)
    assert foreign == 0
    assert min(stored, refused) > 0


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (10, 10), (level, level, level))


def prepared_while(source: Path, root: Path, change: Callable[[], None]) -> Published:
    """Prepare `source`, with `change` called when it has been listed and before an image is opened."""

    def build(jobs: Iterable[ShardJob]) -> Iterator[Receipt]:
        change()
        yield from build_shards(jobs, workers=2, work=build_shard)

    prepare(BareJob(str(source), str(root), max_refused=1.0), build=build)
    return published(root)


@contextmanager
def repeating(act: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Give a function that starts a thread in which `act` is done again and again until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            act()

    thread = threading.Thread(target=repeat)
    try:
        yield thread.start
    finally:
        ended.set()
        thread.join()


@contextmanager
def writing(files: list[Path], pictures: list[bytes]) -> Iterator[Callable[[], None]]:
    """Give a function that starts a writer: one file after another gets another picture, piece by piece, in place."""
    turn = count()

    def write_one() -> None:
        number = next(turn)
        content = pictures[number // len(files) % len(pictures)]
        quarter = len(content) // 4 + 1
        with files[number % len(files)].open("r+b", buffering=0) as file:
            for start in range(0, len(content), quarter):
                file.write(content[start : start + quarter])

    with repeating(write_one) as start:
        yield start


def flicker(folder: Path, outside: Path) -> None:
    """Make `folder` a link to `outside` for a moment."""
    aside = folder.with_name(".aside")
    folder.rename(aside)
    folder.symlink_to(outside)
    folder.unlink()
    aside.rename(folder)


def is_whole(held: Published, path: bytes, contents: list[bytes]) -> bool:
    """Tell whether a row is made of one of `contents`, and says so."""
    digests = [blake3(content).hexdigest() for content in contents]
    if held.sources[path] not in digests:
        return False
    expected = square_of(contents[digests.index(held.sources[path])])
    return largest_difference(held.squares[path], expected) == 0


@cache
def square_of(content: bytes) -> NDArray[np.uint8]:
    return expected_square(BytesIO(content), SIDE)  # pyright: ignore[reportArgumentType] - Pillow opens either
