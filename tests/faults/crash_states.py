"""What a disk may hold after a power cut, worked out from the log of syscalls.c.

Only what was synced is certain. Of everything else each file may have lost or torn any write, and each folder any of
its latest changes: harsher than the file systems of today, and no more than POSIX promises. A rename within one folder
is one change; one between two folders is two, of which either may be lost.
"""

from __future__ import annotations

import os
import random
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

HEAD = struct.Struct("@iiqqII")
"""As in syscalls.c: kind, errno, offset, bytes written, lengths of both paths."""

SECTOR = 512
"""Bytes that a disk writes whole or not at all."""


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the log; paths as they were, `offset` is the new size where the call is a truncation."""

    kind: str
    error: int
    path: str
    other: str
    offset: int
    content: bytes


def calls_in(log: Path) -> list[Call]:
    """Return the calls in the order in which they were made."""
    return list(_parsed(log.read_bytes()))


def _parsed(content: bytes) -> Iterator[Call]:
    place = 0

    def taken(size: int) -> bytes:
        nonlocal place
        place += size
        return content[place - size : place]

    while place < len(content):
        kind, error, offset, size, first, second = HEAD.unpack(taken(HEAD.size))
        path, other = os.fsdecode(taken(first)), os.fsdecode(taken(second))
        yield Call(chr(kind), error, path, other, offset, taken(size))


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that went to a place in a file."""

    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A change of a file's size."""

    size: int


@dataclass(slots=True, eq=False)
class File:
    """A file with all that was ever done to it, each with the number of its call, and the calls that synced it."""

    changes: list[tuple[int, Write | Cut]] = field(default_factory=list)
    synced: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Folder:
    """A folder with all changes of its names (None: taken away), those in it now, and the calls that synced it."""

    changes: list[tuple[int, dict[str, Node | None]]] = field(default_factory=list)
    synced: list[int] = field(default_factory=list)
    now: dict[str, Node] = field(default_factory=dict)

    def change(self, number: int, names: dict[str, Node | None]) -> None:
        """Change some names at once."""
        self.changes.append((number, names))
        for name, node in names.items():
            if node is None:
                self.now.pop(name, None)
            else:
                self.now[name] = node


Node = File | Folder


class Disk:
    """Everything below one root, from what lay there before on through the calls of a log."""

    def __init__(self, root: Path, *, found: Path, calls: list[Call]) -> None:
        """`root` is where the calls were made, `found` a copy of what lay there before, all of it durable."""
        self._root, self._top = str(root), _loaded(found)
        self.calls = calls
        for number, call in enumerate(calls):
            if not call.error and not call.path.endswith(" (deleted)"):
                self._apply(number, call)

    def _apply(self, number: int, call: Call) -> None:
        if call.kind == "w":
            self._file(call.path).changes.append((number, Write(call.offset, call.content)))
        elif call.kind == "t":
            self._file(call.path).changes.append((number, Cut(call.offset)))
        elif call.kind == "c":
            self._open(number, call)
        elif call.kind == "s":
            self._node(call.path).synced.append(number)
        elif call.kind == "r":
            self._rename(number, call)
        elif call.kind in "lmud":
            parent, name = self._place(call.other if call.kind == "l" else call.path)
            node = self._node(call.path) if call.kind == "l" else Folder() if call.kind == "m" else None
            parent.change(number, {name: node})
        else:
            raise NotImplementedError(f"a call of the kind {call.kind!r} at {call.path}")

    def _open(self, number: int, call: Call) -> None:
        parent, name = self._place(call.path)
        if call.offset == 1:
            parent.change(number, {name: File()})
        else:
            self._file(call.path).changes.append((number, Cut(0)))

    def _rename(self, number: int, call: Call) -> None:
        (source, old), (target, new) = self._place(call.path), self._place(call.other)
        node = source.now[old]
        if source is target:
            source.change(number, {old: None, new: node})
        else:
            source.change(number, {old: None})
            target.change(number, {new: node})

    def _place(self, path: str) -> tuple[Folder, str]:
        parent, _, name = path.rpartition("/")
        folder = self._node(parent)
        assert isinstance(folder, Folder), f"{parent} is not a folder"
        return folder, name

    def _node(self, path: str) -> Node:
        node: Node = self._top
        for part in path.removeprefix(self._root).split("/"):
            if part:
                assert isinstance(node, Folder), f"{path} leads through a file"
                node = node.now[part]
        return node

    def _file(self, path: str) -> File:
        node = self._node(path)
        assert isinstance(node, File), f"{path} is not a file"
        return node

    def as_it_was(self, number: int, target: Path) -> None:
        """Put at `target`, which is not there, what a kill before call `number` (from 0) leaves: every change."""
        self._materialise(target, number, _everything)

    def after_power_cut(self, number: int, target: Path, chance: random.Random) -> None:
        """Put at `target` what a power cut before call `number` may leave."""
        surviving = chance.choice((_nothing, _everything, _first_ones, _any_ones, _any_ones))
        self._materialise(target, number, surviving, chance)

    def _materialise(
        self, target: Path, number: int, surviving: Surviving, chance: random.Random | None = None
    ) -> None:
        chance = chance or random.Random(0)
        made: dict[int, Path] = {}

        def put(node: Node, path: Path) -> None:
            if isinstance(node, Folder):
                path.mkdir()
                for name, inner in _names(node, number, surviving, chance).items():
                    put(inner, path / name)
            elif id(node) in made:
                os.link(made[id(node)], path)
            else:
                path.write_bytes(_content(node, number, surviving, chance))
                made[id(node)] = path

        put(self._top, target)


def _loaded(path: Path) -> Folder:
    """Return a folder with everything in it as it is, durable."""
    folder = Folder(synced=[-1])
    for entry in path.iterdir():
        node = _loaded(entry) if entry.is_dir() else File([(-2, Write(0, entry.read_bytes()))], [-1])
        folder.change(-2, {entry.name: node})
    return folder


# ---- Which of the changes that were not synced outlive the power cut

Change = TypeVar("Change")
Surviving = Callable[[int, random.Random], list[bool]]


def _nothing(count: int, chance: random.Random) -> list[bool]:
    return [False] * count


def _everything(count: int, chance: random.Random) -> list[bool]:
    return [True] * count


def _first_ones(count: int, chance: random.Random) -> list[bool]:
    kept = chance.randint(0, count)
    return [place < kept for place in range(count)]


def _any_ones(count: int, chance: random.Random) -> list[bool]:
    return [chance.random() < 0.5 for _ in range(count)]


def _parted(changes: list[tuple[int, Change]], synced: list[int], number: int) -> tuple[list[Change], list[Change]]:
    """Return the changes before call `number` that are certain, and those that are not."""
    last = bisect_left(synced, number)
    certain_until = synced[last - 1] if last else -2
    certain = [change for made, change in changes if made < certain_until]
    return certain, [change for made, change in changes if certain_until <= made < number]


def _names(folder: Folder, number: int, surviving: Surviving, chance: random.Random) -> dict[str, Node]:
    certain, open_ = _parted(folder.changes, folder.synced, number)
    names: dict[str, Node | None] = {}
    for change in certain:
        names.update(change)
    for change, survives in zip(open_, surviving(len(open_), chance), strict=True):
        if survives:
            names.update(change)
    return {name: node for name, node in names.items() if node is not None}


def _content(file: File, number: int, surviving: Surviving, chance: random.Random) -> bytes:
    certain, open_ = _parted(file.changes, file.synced, number)
    content = bytearray()
    for change in certain:
        _apply_change(content, change)
    for change, survives in zip(open_, surviving(len(open_), chance), strict=True):
        if not survives:
            continue
        parts = [change] if surviving is _everything or isinstance(change, Cut) else _torn(change, chance)
        for part in parts:
            _apply_change(content, part)
    return bytes(content)


def _torn(write: Write, chance: random.Random) -> list[Write]:
    """Return what may be left of a write: all, the first sectors, any sectors, or only the size with zeros."""
    end = write.offset + len(write.content)
    edges = [write.offset, *range(write.offset // SECTOR * SECTOR + SECTOR, end, SECTOR), end]
    sectors = [
        Write(start, write.content[start - write.offset : stop - write.offset]) for start, stop in pairwise(edges)
    ]
    way = chance.choice(("whole", "first", "any", "zeros"))
    if way == "whole":
        return [write]
    if way == "first":
        return sectors[: chance.randint(0, len(sectors))]
    if way == "any":
        return [sector for sector in sectors if chance.random() < 0.5]
    return [Write(write.offset, bytes(len(write.content)))]


def _apply_change(content: bytearray, change: Write | Cut) -> None:
    size = change.size if isinstance(change, Cut) else max(len(content), change.offset + len(change.content))
    content.extend(bytes(max(0, size - len(content))))
    if isinstance(change, Cut):
        del content[size:]
    else:
        content[change.offset : change.offset + len(change.content)] = change.content


def same_tree(one: Path, other: Path) -> bool:
    """Tell whether two folders hold the same names and bytes."""
    return _listed(one) == _listed(other)


def _listed(folder: Path) -> dict[Path, bytes | None]:
    found = folder.rglob("*")
    return {path.relative_to(folder): None if path.is_dir() else path.read_bytes() for path in found}
