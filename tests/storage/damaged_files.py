"""Every kind of file of a dataset, ways to damage it, and a look at what is on disk: without the product's code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

Content = bytes | None
Damaging = Callable[[bytes], Content]

DAMAGES: dict[str, Damaging] = {
    "first bit": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "middle bit": lambda content: flipped(content, len(content) // 2, 3),
    "last bit": lambda content: flipped(content, len(content) - 1, 7),
    "last byte lost": lambda content: content[:-1],
    "half lost": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "longer": lambda content: content + b"\0",
    "deleted": lambda content: None,
}
"""What becomes of the bytes of a file that is not empty; None where it is gone."""

KINDS = {
    "mark": "dataset.json",
    "version": "versions/*.json",
    "plan": "plans/*/plan.json",
    "hashes of listings": "plans/*/listings.json",
    "sorted listing": "plans/*/sorted.parquet",
    "shuffled listing": "plans/*/shuffled.parquet",
    "receipt": "receipts/*.json",
    "large array": "objects/8-*",
    "small array": "objects/4-*",
    "table": "objects/rows-*",
    "view": "objects/all-*",
    "card": "objects/card-*",
    "report": "objects/refused-*",
    "spare": "spares/*.zip",
}
"""Which paths below a dataset's folder are of one kind."""


def flipped(content: bytes, offset: int, bit: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ (1 << bit)]) + content[offset + 1 :]


def paths_of(dataset: Path, kind: str) -> list[Path]:
    """Return the files and folders of one kind, sorted."""
    return sorted(dataset.glob(KINDS[kind]))


def files_of(path: Path) -> list[Path]:
    """Return the files that something consists of, which can be damaged; empty ones cannot be."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in files if file.is_file() and file.stat().st_size]


def as_of_format(record: bytes, kind: str, format_: int) -> bytes:
    """Return the content of a record sealed as one of another format."""
    body = record.partition(b',"body":')[2][:-2]
    checksum = blake3(b"%s %d %s" % (kind.encode(), format_, body)).hexdigest()
    head = b'{"blake3":"%s","format":%d,"kind":"%s"' % (checksum.encode(), format_, kind.encode())
    return head + b',"body":' + body + b"}\n"


@contextmanager
def damaged(path: Path, content: Content) -> Iterator[None]:
    """Give a file other content, None for none at all, and its own again when the block ends."""
    sound = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(sound)


@contextmanager
def swapped(one: Path, other: Path) -> Iterator[None]:
    """Let two files or folders change places while the block runs."""
    swap(one, other)
    try:
        yield
    finally:
        swap(one, other)


def swap(one: Path, other: Path) -> None:
    """Let two files or folders change places."""
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def on_disk(root: Path) -> dict[str, tuple[str, int]]:
    """Return the hash and the time of every file below `root`, the target of every link, by its path."""
    found = {}
    for parent, folders, names in os.walk(root):
        for name in [*folders, *names]:
            path = Path(parent, name)
            if path.is_symlink():
                found[str(path)] = (os.readlink(path), 0)  # noqa: PTH115
            elif path.is_file():
                found[str(path)] = (blake3(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            else:
                found[str(path)] = ("folder", path.stat().st_mtime_ns)
    return found
