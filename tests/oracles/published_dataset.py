"""What a dataset on disk holds, read as docs/formats.md says and compared with the images it was made of.

Shares no code with `storage` and `tasks`: a defect there cannot hide itself here. Every function raises
AssertionError on what is not as it should be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import bcolz
import google_crc32c
import h5py
import numpy as np
import pyarrow.parquet as parquet
from blake3 import blake3
from numpy.typing import NDArray

from tests.oracles.published_rows import expected_square

Body = dict[str, Any]
Rows = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64]]
"""Images, labels and ids."""

EXACT_LEVELS = 1
"""Fidelity "exact" promises torchvision's pixels to within this."""
PARSED_OBJECTS = 200
_PARSED: dict[str, Rows] = {}


# ---- Records


def version_bodies(dataset: Path) -> dict[int, Body]:
    """Return the record of every version by number, ascending."""
    bodies = {int(path.stem): record_body(path, "version") for path in sorted(dataset.glob("versions/*.json"))}
    for number, body in bodies.items():
        assert body["number"] == number, f"version {number} says that it is version {body['number']}"
    return bodies


def receipt_bodies(dataset: Path) -> dict[str, Body]:
    """Return every receipt by the name of its file, superseded ones too."""
    return {path.stem: record_body(path, "receipt") for path in sorted(dataset.glob("receipts/*.json"))}


def record_body(path: Path, kind: str) -> Body:
    """Return the body of one record after a check of its envelope."""
    content = path.read_bytes()
    head, _, body = content[:-2].partition(b',"body":')
    assert content.endswith(b"}\n"), f"{path} does not end as a record: {content[-40:]!r}"
    try:
        envelope = json.loads(head + b"}")
    except ValueError as error:
        raise AssertionError(f"{path} is not a record: {error}") from error
    assert envelope["kind"] == kind, f"{path} should hold a {kind}, it holds a {envelope['kind']}"
    found = blake3(b"%s %d %s" % (kind.encode(), envelope["format"], body)).hexdigest()
    assert envelope["blake3"] == found, f"{path} is damaged: its checksum is {found}"
    return json.loads(body)


def state_of(body: Body) -> tuple[str, dict[str, str]]:
    """Return the identity of a version, and name and digest of its shards' objects: the same for the same inputs."""
    objects = {stored["name"]: stored["digest"] for shard in body["shards"] for stored in shard["objects"]}
    return body["identity"], objects


def fingerprint(value: object) -> str:
    """Return the BLAKE3 of the canonical JSON of `value`."""
    return blake3(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


# ---- A whole version


def assert_whole(dataset: Path, body: Body, source: Path) -> None:
    """Check that a version is complete and true to the images below `source`, which may have grown since.

    Each object has its hash and size; each listed input is stored once or refused once; ids, labels, table and views
    agree; every row has the pixels of its image, and every chunk its checksum.
    """
    companions = [body["table"], *body["views"], *(body[name] for name in ("card", "report") if body.get(name))]
    for stored in companions:
        assert_object(dataset, stored)
    plan, listed = plan_of(dataset, body)
    assert [shard["key"] for shard in plan["shards"]] == [shard["key"] for shard in body["shards"]], "other shards"
    assert fingerprint([[shard["identity"] for shard in body["shards"]], body["classes"]]) == body["identity"]
    expected = []
    for planned, shard in zip(plan["shards"], body["shards"], strict=True):
        inputs = listed[planned["first"] : planned["first"] + planned["count"]]
        expected += _assert_shard(dataset, body, shard, inputs, source)
    table = parquet.read_table(dataset / "objects" / body["table"]["name"]).to_pylist()
    assert table == expected, "the table of rows is not what the shards hold"
    assert body["listed"] == len(listed) == body["stored"] + body["refused"], "stored and refused are not all"
    assert body["stored"] == len(expected), f"{body['stored']} rows should be {len(expected)}"
    assert body["bytes"] == sum(stored["bytes"] for shard in body["shards"] for stored in shard["objects"])
    _assert_views(dataset, body)


def assert_object(dataset: Path, stored: Body) -> None:
    """Check that an object is there, with its hash and size, under a name that holds its hash."""
    path = dataset / "objects" / stored["name"]
    assert not path.is_symlink(), f"{path} is a link"
    assert path.exists(), f"{path} is missing"
    digest, size = digest_and_size(path)
    assert (digest, size) == (stored["digest"], stored["bytes"]), f"{path} has other bytes: {size}, {digest}"
    assert stored["digest"] in stored["name"], f"{path} is named after another hash than {digest}"


def assert_proved(dataset: Path, receipt: Body) -> None:
    """Check that what a receipt promises is there: its objects, with their hashes and as many rows."""
    for array in receipt["arrays"]:
        assert_object(dataset, array["stored"])
        images, labels, ids = _rows_of_checked(dataset, array["stored"])
        assert len(images) == len(labels) == len(ids) == receipt["rows"], f"{array['stored']['name']}: other rows"
        assert _chunk_crcs(images, array["rows_per_chunk"]) == array["chunk_crcs"], f"{array['stored']['name']}: CRCs"
        assert blake3(ids.astype("<u8").tobytes()).hexdigest() == receipt["ids_digest"], "other row ids"
    assert receipt["rows"] + len(receipt["refused"]) == len(receipt["sources"]), "stored and refused are not all"
    assert bool(receipt["arrays"]) == bool(receipt["rows"]), "a receipt with rows and without arrays"


def plan_of(dataset: Path, body: Body) -> tuple[Body, list[Body]]:
    """Return the plan of a version and its inputs in the order of storage."""
    folder = dataset / "plans" / body["plan"]
    plan = record_body(folder / "plan.json", "plan")
    assert fingerprint(plan)[:32] == body["plan"], f"{folder} holds another plan"
    listed = parquet.read_table(folder / "shuffled.parquet").to_pylist()
    by_name = parquet.read_table(folder / "sorted.parquet").to_pylist()
    columns = ("name", "class", "size", "mtime_ns")
    same = sorted(({name: row[name] for name in columns} for row in listed), key=lambda row: row["name"])
    assert same == by_name, f"{folder}: its listings differ"
    assert len({row["name"] for row in listed}) == len(listed), f"{folder}: an input is listed twice"
    assert [plan["classes"][row["label"]] for row in listed] == [row["class"] for row in listed]
    assert plan["classes"] == body["classes"], "plan and version have other classes"
    return plan, listed


def receipt_of(dataset: Path, shard: Body) -> Body:
    """Return the receipt that a shard of a version stands on, which may be superseded."""
    places = (f"{shard['key']}.json", f"{shard['key']}.{shard['identity'][:16]}.json")
    found = [record_body(path, "receipt") for name in places if (path := dataset / "receipts" / name).exists()]
    matching = [receipt for receipt in found if receipt["identity"] == shard["identity"]]
    assert matching, f"no receipt proves shard {shard['key']} with identity {shard['identity']}"
    assert matching[0]["key"] == shard["key"]
    return matching[0]


def _assert_shard(dataset: Path, body: Body, shard: Body, inputs: list[Body], source: Path) -> list[Body]:
    """Check one shard; return the lines that the table of rows should have for it."""
    receipt = receipt_of(dataset, shard)
    assert_proved(dataset, receipt)
    assert len(receipt["sources"]) == len(inputs), f"shard {shard['key']}: another number of inputs"
    assert [array["stored"] for array in receipt["arrays"]] == shard["objects"], f"shard {shard['key']}: other objects"
    assert receipt["rows"] == shard["rows"]
    gaps = [refused["position"] for refused in receipt["refused"]]
    assert [inputs[gap]["name"] for gap in gaps] == [refused["name"] for refused in receipt["refused"]]
    assert len(set(gaps)) == len(gaps), f"shard {shard['key']}: an input is refused twice"
    names, labels = [row["name"] for row in inputs], [row["label"] for row in inputs]
    parts = [fingerprint(body["parameters"]), names, labels, receipt["sources"], sorted(gaps)]
    assert fingerprint(parts) == shard["identity"], f"shard {shard['key']}: its identity is that of other inputs"
    kept = [place for place in range(len(inputs)) if place not in set(gaps)]
    lines = [_line(inputs[place], receipt["sources"][place], body) for place in kept]
    sides = body["parameters"]["sides"] if kept else []
    assert [array["side"] for array in receipt["arrays"]] == sides
    for side, stored in zip(sides, shard["objects"], strict=True):
        _assert_rows(dataset, stored, lines, side, source)
    return lines


def _line(row: Body, digest: str, body: Body) -> Body:
    rule = body["parameters"]["split"]
    hashed = digest if rule["by"] == "source" else blake3(body["classes"][row["label"]].encode()).hexdigest()
    point = int(hashed[:13], 16) / 16**13
    held_out = "test" if point < rule["test"] else "valid" if point < rule["test"] + rule["valid"] else "train"
    return {
        "name": row["name"],
        "label": row["label"],
        "split": held_out,
        "id": int.from_bytes(blake3(row["name"].encode()).digest(length=8), "big"),
        "source": digest,
    }


def _assert_rows(dataset: Path, stored: Body, lines: list[Body], side: int, source: Path) -> None:
    name = stored["name"]
    images, labels, ids = _rows_of_checked(dataset, stored)
    assert images.shape == (len(lines), side, side, 3), f"{name}: its shape is {images.shape}"
    assert labels.tolist() == [line["label"] for line in lines], f"{name}: other labels"
    assert ids.tolist() == [line["id"] for line in lines], f"{name}: other ids, or another order"
    for image, line in zip(images, lines, strict=True):
        digest, square = _of_source(source / path_of(line["name"]), side)
        assert digest == line["source"], f"{line['name']} is not the file that was stored"
        levels = int(np.abs(image.astype(np.int16) - square).max())
        assert levels <= EXACT_LEVELS, f"{name}: the row of {line['name']} is {levels} levels off"


def _assert_views(dataset: Path, body: Body) -> None:
    filled = [shard["objects"] for shard in body["shards"] if shard["rows"]]
    for place, view in enumerate(body["views"]):
        joined = rows_of(dataset / "objects" / view["name"])
        parts = [_rows_of_checked(dataset, objects[place]) for objects in filled]
        for whole, pieces in zip(joined, zip(*parts, strict=True), strict=True):
            assert np.array_equal(whole, np.concatenate(pieces)), f"{view['name']} is not its shards in order"


# ---- Bytes


def digest_and_size(path: Path) -> tuple[str, int]:
    """Return BLAKE3 and bytes of an object; of a folder, those of its files in the order of their paths."""
    if path.is_file():
        content = path.read_bytes()
        return blake3(content).hexdigest(), len(content)
    hasher, size = blake3(), 0
    for name, file in sorted((str(file.relative_to(path)).encode(), file) for file in _files_below(path)):
        content = file.read_bytes()
        hasher.update(b"%s\0%d\0%s" % (name, len(content), content))
        size += len(content)
    return hasher.hexdigest(), size


def _rows_of_checked(dataset: Path, stored: Body) -> Rows:
    """Return what an object holds, after its hash was checked: the same bytes are parsed once."""
    if stored["digest"] not in _PARSED:
        if len(_PARSED) == PARSED_OBJECTS:
            _PARSED.clear()
        _PARSED[stored["digest"]] = rows_of(dataset / "objects" / stored["name"])
    return _PARSED[stored["digest"]]


def _files_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def rows_of(path: Path) -> Rows:
    """Return images, labels and ids of one shard, or of a view that joins several."""
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return file["images"][:], file["labels"][:], file["ids"][:]  # type: ignore[index] - all are datasets
    images, labels, ids = (bcolz.carray(rootdir=str(path / name), mode="r")[:] for name in ("images", "labels", "ids"))
    return images, labels, ids


def path_of(name: str) -> str:
    r"""Return the path below the source's root that an escaped name stands for: `\xNN` is one byte."""
    content = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
    return content.decode("utf-8", "surrogateescape")


def _chunk_crcs(images: NDArray[np.uint8], rows_per_chunk: int) -> list[int]:
    starts = range(0, len(images), rows_per_chunk)
    return [google_crc32c.value(images[start : start + rows_per_chunk].tobytes()) for start in starts]


def _of_source(path: Path, side: int) -> tuple[str, NDArray[np.int16]]:
    found = path.stat()
    return _decoded(path, side, found.st_size, found.st_mtime_ns)


@cache
def _decoded(path: Path, side: int, size: int, mtime_ns: int) -> tuple[str, NDArray[np.int16]]:
    """Return hash and square of an image file; size and time are asked for, so that a changed file is read anew."""
    return blake3(path.read_bytes()).hexdigest(), expected_square(path, side).astype(np.int16)
