"""Attacks by bcolz folders: pickles that run code, links, and sizes that its reader, written in C, would believe."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import bcolz
import numpy as np

from tests.faults.hostile_dataset import Captured, remove
from tests.faults.hostile_records import ANY, REFUSED, SAME, Attack


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, sentinel: Path) -> None:
        self._sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self._sentinel}",)


def bcolz_attacks() -> Iterator[Attack]:
    """Yield every attack by bcolz folders."""
    for array in ("images", "labels", "ids"):
        # Labels and ids are read from the table of rows: of theirs here, only what they say of themselves is looked at.
        unread = REFUSED if array == "images" else ANY
        yield f"{array}-are-pickles", partial(with_pickles, array=array), REFUSED
        yield f"{array}-are-pickles-said-to-be-numbers", partial(with_disguised_pickles, array=array), unread
        for dtype in ODD_TYPES if array == "images" else ODD_TYPES[:3]:
            yield f"{array}-are-of-type-{dtype!r}", partial(meta, array=array, file="storage", dtype=dtype), REFUSED
        for name, target in LINKED.items():
            yield f"{name}-of-{array}-leads-outside", partial(link, part=target.format(array)), unread
    yield from lying_sizes()
    yield from lying_storage()
    yield from lying_chunks()
    yield from odd_attributes()


ODD_TYPES = ("object", "|O", "os.system", "O", "S8", "V8", "M8[s]", "c16", "float64", ">u1", "int8", "")

LINKED = {
    "folder": "{}",
    "data": "{}/data",
    "chunk": "{}/data/__0.blp",
    "meta": "{}/meta",
    "storage": "{}/meta/storage",
}


def on_copy(captured: Captured, change: Callable[[Path], None]) -> None:
    """Change a copy of the first shard's folder, and put it in place with its new hash."""
    old, new = captured.shard, captured.folder / "new.bcolz"
    shutil.copytree(old, new)
    change(new)
    captured.adopt(old, new)


def with_pickles(captured: Captured, *, array: str) -> None:
    def change(folder: Path) -> None:
        shutil.rmtree(folder / array)
        rows = np.empty(8, object)
        rows[:] = [Payload(captured.sentinel) for _ in rows]
        bcolz.carray(rows, rootdir=str(folder / array), mode="w").flush()

    on_copy(captured, change)


def with_disguised_pickles(captured: Captured, *, array: str) -> None:
    """Leave the chunk of pickles, and take over what the metadata of numbers says."""

    def change(folder: Path) -> None:
        stored = (folder / array / "meta" / "storage").read_bytes(), (folder / array / "meta" / "sizes").read_bytes()
        shutil.rmtree(folder / array)
        rows = np.empty(8, object)
        rows[:] = [Payload(captured.sentinel) for _ in rows]
        bcolz.carray(rows, rootdir=str(folder / array), mode="w").flush()
        for name, content in zip(("storage", "sizes"), stored, strict=True):
            (folder / array / "meta" / name).write_bytes(content)

    on_copy(captured, change)


def meta(captured: Captured, *, array: str, file: str, **values: object) -> None:
    """Put values into one of the two files of metadata."""

    def change(folder: Path) -> None:
        path = folder / array / "meta" / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    on_copy(captured, change)


def link(captured: Captured, *, part: str) -> None:
    """Replace a part of the first shard's folder by a link to a canary, under the shard's old name."""
    path = captured.shard / part
    remove(path)
    path.symlink_to(captured.outside / "canary.bcolz" / part)


def lying_sizes() -> Iterator[Attack]:
    """Yield shapes that are not those of the chunks."""
    shapes: dict[str, object] = {
        "a-trillion-rows": [2**40, 16, 16, 3],
        "2-to-the-62-rows": [2**62, 16, 16, 3],
        "10-to-the-30-rows": [10**30, 16, 16, 3],
        "minus-8-rows": [-8, 16, 16, 3],
        "9-rows": [9, 16, 16, 3],
        "no-rows": [0, 16, 16, 3],
        "wide-rows": [8, 16, 2**40, 3],
        "rows-of-nothing": [8, 0, 0, 0],
        "minus-widths": [8, -16, -16, 3],
        "rows-in-each-other": [[8], 16, 16, 3],
        "rows-and-a-half": [8.5, 16, 16, 3],
        "five-dimensions": [8, 16, 16, 3, 1],
        "a-word": "8",
        "nothing": None,
    }
    for name, shape in shapes.items():
        yield f"images-claim-{name}", partial(meta, array="images", file="sizes", shape=shape), REFUSED
    for name, count in (("a-trillion", 2**40), ("minus-1", -1), ("10-to-the-30", 10**30)):
        yield f"labels-claim-{name}", partial(meta, array="labels", file="sizes", shape=[count]), ANY
        yield f"bytes-claim-{name}", partial(meta, array="images", file="sizes", nbytes=count, cbytes=count), ANY
    yield "sizes-are-no-json", partial(write, part="images/meta/sizes", content=b"__import__('os')"), REFUSED
    yield "sizes-are-a-pickle", partial(write, part="images/meta/sizes", content=b"cos\nsystem\n(S'x'\ntR."), REFUSED
    yield "sizes-are-deep", partial(write, part="images/meta/sizes", content=b"[" * 10**5), REFUSED
    yield "sizes-are-empty", partial(write, part="images/meta/sizes", content=b""), REFUSED


def write(captured: Captured, *, part: str, content: bytes) -> None:
    def change(folder: Path) -> None:
        (folder / part).write_bytes(content)

    on_copy(captured, change)


def lying_storage() -> Iterator[Attack]:
    """Yield metadata that make chunks of no size, or ask for what nobody has."""
    for name, number in (
        ("0", 0),
        ("minus-1", -1),
        ("1", 1),
        ("2-to-the-62", 2**62),
        ("10-to-the-30", 10**30),
        ("1.5", 1.5),
        ("null", None),
    ):
        yield f"chunks-are-of-{name}", partial(meta, array="images", file="storage", chunklen=number), REFUSED
        yield f"expected-are-{name}", partial(meta, array="images", file="storage", expectedlen=number), ANY
    codes: dict[str, Any] = {
        "of-an-unknown-kind": {"clevel": 0, "shuffle": 0, "cname": "../../evil", "quantize": 0},
        "of-level-1000": {"clevel": 1000, "shuffle": 99, "cname": "lz4", "quantize": 99},
        "too-many": {"clevel": 0, "shuffle": 0, "cname": "lz4", "quantize": 0, "evil": 1},
        "none": None,
        "a-list": [1, 2],
    }
    for name, cparams in codes.items():
        yield f"codes-are-{name}", partial(meta, array="images", file="storage", cparams=cparams), ANY
    defaults: dict[str, object] = {
        "an-object": {"__reduce__": "os.system"},
        "a-word": "x",
        "huge": 10**30,
        "null": None,
    }
    for name, default in defaults.items():
        yield f"default-is-{name}", partial(meta, array="images", file="storage", dflt=default), ANY
    yield "storage-is-deep", partial(write, part="images/meta/storage", content=b'{"a":' * 10**5), REFUSED
    yield "storage-is-empty", partial(write, part="images/meta/storage", content=b""), REFUSED


def lying_chunks() -> Iterator[Attack]:
    """Yield chunks whose headers (16 bytes of bloscpack, 16 of Blosc) are wrong, or that are cut."""
    fields = {
        "magic": (0, "<I", 0),
        "format-of-bloscpack": (4, "<B", 255),
        "options": (5, "<B", 255),
        "chunks": (8, "<q", 2**40),
        "version-of-blosc": (16, "<B", 255),
        "flags": (18, "<B", 0),
        "all-flags": (18, "<B", 255),
        "item-size-0": (19, "<B", 0),
        "item-size-255": (19, "<B", 255),
        "content": (20, "<I", 0xFFFFFFFF),
        "content-less": (20, "<I", 1),
        "block-0": (24, "<I", 0),
        "block": (24, "<I", 0xFFFFFFFF),
        "whole": (28, "<I", 0xFFFFFFFF),
        "whole-less": (28, "<I", 0),
    }
    for name, (place, layout, lie) in fields.items():
        attack = partial(patch, place=place, content=struct.pack(layout, lie))
        # What our reader does not look at, the checksum of the pixels does.
        yield f"header-lies-about-{name}", attack, ANY if name in HARMLESS else REFUSED
    yield "chunk-is-cut", partial(cut, keep=1000), REFUSED
    yield "chunk-is-cut-in-its-header", partial(cut, keep=20), REFUSED
    yield "chunk-is-empty", partial(cut, keep=0), REFUSED
    yield "chunk-is-missing", lose_the_chunk, REFUSED
    yield "chunk-is-a-pickle", partial(write, part="images/data/__0.blp", content=b"cos\nsystem\n(S'x'\ntR."), REFUSED
    yield "chunk-is-noise", partial(patch, place=32, content=np.random.default_rng(3).bytes(500)), REFUSED
    yield "chunks-besides", partial(write, part="images/data/__1.blp", content=b"x"), SAME


HARMLESS = {"magic", "format-of-bloscpack", "options", "chunks", "version-of-blosc", "block", "block-0"}


def patch(captured: Captured, *, place: int, content: bytes) -> None:
    def change(folder: Path) -> None:
        with (folder / "images" / "data" / "__0.blp").open("r+b") as file:
            file.seek(place)
            file.write(content)

    on_copy(captured, change)


def cut(captured: Captured, *, keep: int) -> None:
    on_copy(captured, lambda folder: os.truncate(folder / "images" / "data" / "__0.blp", keep))


def lose_the_chunk(captured: Captured) -> None:
    on_copy(captured, lambda folder: (folder / "images" / "data" / "__0.blp").unlink())


def odd_attributes() -> Iterator[Attack]:
    """Yield attributes, which our reader needs none of."""
    contents: dict[str, bytes] = {
        "are-no-json": b"import os",
        "are-a-pickle": b"cos\nsystem\n(S'touch sentinel'\ntR.",
        "are-deep": b"[" * 10**5,
        "are-a-list": b"[1]",
        "are-empty": b"",
        "are-code": json.dumps({"__class__": "os.system", "__reduce__": ["touch sentinel"]}).encode(),
        "are-10-megabytes": json.dumps({"x": "y" * 10**7}).encode(),
    }
    for name, content in contents.items():
        yield f"attributes-{name}", partial(write, part="images/__attrs__", content=content), ANY
    yield "attributes-lead-outside", partial(link, part="images/__attrs__"), ANY
