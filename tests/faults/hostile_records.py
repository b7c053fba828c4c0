"""Attacks by records: JSON with a right checksum that says what no writer of ours would say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults.hostile_dataset import Body, Captured, body_of, canonical, sealed

REFUSED, SAME, ANY = "refused", "same", "any"
"""What must come of reading: a refusal; the rows as they were; or either, as long as it is safe."""

Attack = tuple[str, Callable[[Captured], object], str]
"""What it does, the function that does it to a dataset, and what must come of it."""

ESCAPES = "\x1b[31m\x1b]0;title\x07\u009b2J [/red] [bold] \u202e\n|x|"


def record_attacks() -> list[Attack]:
    """Return every attack by records."""
    groups = (names, identities, numbers, shapes, words, structures, envelopes, text)
    return [attack for group in groups for attack in group()]


def changed(change: Callable[[Body], object], *, what: str = "version") -> Callable[[Captured], None]:
    """Return the attack that changes the body of one record: "version", "plan" or "receipt"."""
    return lambda captured: captured.change(getattr(captured, what), change)


def put(*path: str | int, value: object, what: str = "version") -> Callable[[Captured], None]:
    """Return the attack that puts `value` at a place in the body of a record."""

    def change(body: Body) -> None:
        place = body
        for step in path[:-1]:
            place = place[step]  # type: ignore[index] - lists have numbers for steps
        place[path[-1]] = value  # type: ignore[index]

    return changed(change, what=what)


# ---- Names and identities


NAMES = {
    "up": "../../../outside/canary.h5",
    "up-from-a-file": "16-x.h5/../../../../outside/canary.h5",
    "root": "/etc/passwd",
    "below": "16-x/canary.h5",
    "nothing": "",
    "dot": ".",
    "dots": "..",
    "nul": "16-x\0.h5",
    "newline": "16-x\n.h5",
    "capitals": "16-X.h5",
    "letters": "16-ü.h5",
    "option": "-rf.h5",
    "long": "16-" + "x" * 5000 + ".h5",
    "half-a-character": "16-\ud800.h5",
}


def names() -> Iterator[Attack]:
    """Yield what gives an object a name that leads elsewhere, or nowhere."""
    slots = {
        "shard": ("shards", 0, "objects", 0),
        "table": ("table",),
        "view": ("views", 0),
        "report": ("report",),
        "card": ("card",),
    }
    for slot, path in slots.items():
        for kind, name in NAMES.items():
            if slot == "shard" or kind in ("up", "root", "nul"):
                yield f"name-of-{slot}-is-{kind}", put(*path, "name", value=name), REFUSED
    for kind in ("up", "root", "nul"):
        attack = put("arrays", 0, "stored", "name", value=NAMES[kind], what="receipt")
        yield f"name-in-receipt-is-{kind}", attack, REFUSED
    yield "object-points-to-the-table", point_to_the_table, REFUSED


def point_to_the_table(captured: Captured) -> None:
    table = body_of(captured.version)["table"]
    put("shards", 0, "objects", 0, value=table)(captured)


def identities() -> Iterator[Attack]:
    """Yield keys and identities that lead elsewhere: files are named after them."""
    values = {
        "up": "../../../outside/canary",
        "root": "/etc/passwd",
        "nothing": "",
        "nul": "\0" * 32,
        "capitals": "A" * 32,
    }
    for kind, value in values.items():
        yield f"key-of-shard-is-{kind}", put("shards", 0, "key", value=value), REFUSED
        # Reading needs no plan.
        yield f"plan-is-{kind}", put("plan", value=value), ANY
        yield f"key-in-receipt-is-{kind}", put("key", value=value, what="receipt"), REFUSED
        yield f"key-in-plan-is-{kind}", put("shards", 0, "key", value=value, what="plan"), SAME
        yield f"identity-of-shard-is-{kind}", put("shards", 0, "identity", value=value), REFUSED
        yield f"identity-in-receipt-is-{kind}", put("identity", value=value, what="receipt"), REFUSED


# ---- Numbers


NUMBERS: dict[str, object] = {
    "minus-1": -1,
    "0": 0,
    "2-to-the-40": 2**40,
    "2-to-the-63": 2**63,
    "10-to-the-30": 10**30,
    "1.5": 1.5,
    "text": "8",
    "null": None,
}


def numbers() -> Iterator[Attack]:
    """Yield numbers that do not count what is there."""
    for kind, number in NUMBERS.items():
        wrong_type = kind in ("1.5", "text", "null")
        yield f"rows-are-{kind}", put("shards", 0, "rows", value=number), REFUSED
        yield f"stored-is-{kind}", put("stored", value=number), REFUSED
        yield f"number-is-{kind}", put("number", value=number), REFUSED
        yield f"listed-is-{kind}", put("listed", value=number), REFUSED if wrong_type else ANY
        yield f"parent-is-{kind}", put("parent", value=number), ANY
        yield f"bytes-are-{kind}", put("bytes", value=number), REFUSED if wrong_type else ANY
        size = put("shards", 0, "objects", 0, "bytes", value=number)
        yield f"size-of-shard-is-{kind}", size, REFUSED if wrong_type or kind == "minus-1" else ANY
        per_chunk = put("arrays", 0, "rows_per_chunk", value=number, what="receipt")
        yield f"rows-per-chunk-are-{kind}", per_chunk, REFUSED
        yield f"rows-in-receipt-are-{kind}", put("rows", value=number, what="receipt"), REFUSED if wrong_type else ANY
        yield f"checksum-is-{kind}", put("arrays", 0, "chunk_crcs", value=[number], what="receipt"), REFUSED
        yield f"side-is-{kind}", put("parameters", "sides", value=[number, 8]), REFUSED
        yield f"first-row-of-shard-is-{kind}", put("shards", 0, "first", value=number, what="plan"), SAME
        yield f"inputs-of-shard-are-{kind}", put("shards", 0, "count", value=number, what="plan"), SAME
    # JSON has no such number, and json writes it all the same.
    for kind, number in (("not-a-number", b"NaN"), ("infinite", b"Infinity"), ("1e999", b"1e999"), ("-0", b"-0")):
        yield f"stored-is-{kind}", partial(replace, old=b'"stored":12', new=b'"stored":' + number), REFUSED


def replace(captured: Captured, *, old: bytes, new: bytes) -> None:
    captured.replace_body(captured.version, old, new)


def shapes() -> Iterator[Attack]:
    """Yield lists that are longer or shorter than others say."""
    yield "no-shards", put("shards", value=[]), REFUSED
    yield "first-shard-twice", changed(lambda body: body["shards"].append(body["shards"][0])), REFUSED
    yield "first-shard-10000-times", changed(lambda body: body.update(shards=body["shards"][:1] * 10**4)), REFUSED
    yield "no-objects-in-shard", put("shards", 0, "objects", value=[]), REFUSED
    yield "one-object-in-shard", changed(lambda body: body["shards"][0]["objects"].pop()), REFUSED
    yield "no-sides", put("parameters", "sides", value=[]), REFUSED
    yield "a-side-twice", put("parameters", "sides", value=[16, 16]), REFUSED
    yield "three-sides", put("parameters", "sides", value=[16, 8, 4]), REFUSED
    yield "sides-exchanged", put("parameters", "sides", value=[8, 16]), REFUSED
    yield "a-million-sides", put("parameters", "sides", value=list(range(10**6, 0, -1))), REFUSED
    yield "no-classes", put("classes", value=[]), REFUSED
    yield "one-class", put("classes", value=["n01440764"]), REFUSED
    yield "a-million-classes", put("classes", value=[f"n{number:08d}" for number in range(10**6)]), ANY
    yield "no-views", put("views", value=[]), ANY
    yield "no-card", put("card", value=None), ANY
    yield "no-checksums", put("arrays", 0, "chunk_crcs", value=[], what="receipt"), REFUSED
    yield "a-million-checksums", put("arrays", 0, "chunk_crcs", value=[7] * 10**6, what="receipt"), REFUSED
    yield "no-arrays-in-receipt", put("arrays", value=[], what="receipt"), REFUSED
    yield "no-sources-in-receipt", put("sources", value=[], what="receipt"), ANY
    refused = {"position": -1, "name": "x", "reason": "empty", "detail": "x"}
    yield "refused-before-the-first", put("refused", value=[refused], what="receipt"), ANY
    yield "refused-for-no-known-reason", put("refused", value=[refused | {"reason": "x"}], what="receipt"), REFUSED


# ---- Words


def words() -> Iterator[Attack]:
    """Yield texts that stand for code, or for what a terminal or a table does not show as text."""
    for kind, name in {
        "a-path": "../outside/evil",
        "a-module": "os",
        "in-memory": "memory",
        "nothing": "",
        "unknown": "zarr",
        "nul": "hdf5\0",
        "escapes": ESCAPES,
        "the-other": "bcolz",
    }.items():
        yield f"format-is-{kind}", put("parameters", "array_format", value=name), REFUSED
    for field in ("created", "source", "identity"):
        yield f"{field}-is-escapes", put(field, value=ESCAPES), ANY
        yield f"{field}-is-a-megabyte", put(field, value="x" * 10**6), ANY
    yield "source-is-100-megabytes", put("source", value="x" * 10**8), ANY
    yield "classes-are-escapes", put("classes", value=[ESCAPES, ESCAPES]), ANY
    yield "classes-are-paths", put("classes", value=["../../../outside/canary", "/etc/passwd"]), ANY
    yield "split-is-unknown", put("parameters", "split", "by", value="eval"), ANY
    yield "source-is-the-root-folder", put("source", value="/"), ANY
    yield "source-of-plan-is-the-root-folder", put("source", "root", value="/", what="plan"), SAME
    yield "dataset-of-plan-is-another", put("dataset", value="../../outside", what="plan"), SAME


# ---- JSON itself


def structures() -> Iterator[Attack]:
    """Yield JSON that parsers disagree about, or that takes all they have."""
    deep = b"[" * 100_000 + b"]" * 100_000
    yield "100000-lists-in-each-other", partial(replace, old=b'{"bytes"', new=b'{"a":' + deep + b',"bytes"'), REFUSED
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "100000-objects-in-each-other", partial(replace, old=b'{"bytes"', new=b'{"a":' + deep + b',"bytes"'), REFUSED
    yield "a-million-lists", partial(replace, old=b'{"bytes"', new=b'{"a":[' + b"[]," * 10**6 + b'[]],"bytes"'), ANY
    yield "a-key-twice", partial(replace, old=b'"stored":12', new=b'"stored":12,"stored":3'), REFUSED
    yield "a-key-too-many", put("unknown", value={"__class__": "os.system", "args": ["touch sentinel"]}), ANY
    yield "a-key-too-few", changed(lambda body: body.pop("table")), REFUSED
    for kind, body in (("list", b"[]"), ("text", b'"x"'), ("null", b"null"), ("number", b"3"), ("object", b"{}")):
        yield f"body-is-{kind}", partial(seal_body, body=body), REFUSED
    for kind, body in (("nothing", b""), ("half", b'{"a":'), ("two", b"{}{}"), ("not-json", b"import os")):
        yield f"body-is-{kind}", partial(seal_body, body=body), REFUSED
    yield "body-is-not-utf-8", partial(replace, old=b'"source":"', new=b'"source":"\xff\xfe'), REFUSED
    yield "body-has-half-a-character", partial(replace, old=b'"source":"', new=b'"source":"\\ud800'), REFUSED
    yield "body-has-a-nul", partial(replace, old=b'"source":"', new=b'"source":"\0'), REFUSED


def seal_body(captured: Captured, *, body: bytes) -> None:
    captured.version.write_bytes(sealed("version", format_of(captured.version), body))


def format_of(path: Path) -> int:
    """Return the format that a sound record states."""
    return int(path.read_bytes().split(b'"format":')[1].split(b",")[0])


def envelopes() -> Iterator[Attack]:
    """Yield envelopes that are of another kind or number, or none at all."""
    for format_ in (-1, 0, 1, 99, 2**63, 10**30, 1.5, "2", None, True, [2]):
        yield f"format-number-is-{format_}", partial(reseal, format_=format_), REFUSED
    for kind in ("receipt", "plan", "", "../x", "version\n", ESCAPES):
        yield f"kind-is-{kind!r:.12}", partial(reseal, kind=kind), REFUSED
    for kind, content in {
        "empty": b"",
        "a-newline": b"\n",
        "zeros": bytes(5000),
        "noise": bytes(range(256)) * 20,
        "a-mark-of-order": b"\xef\xbb\xbf{}",
        "a-pickle": b"cos\nsystem\n(S'touch sentinel'\ntR.",
        "html": b"<html></html>",
        "100-megabytes": b"[" * 10**8,
        "open-braces": b'{"body":' * 10**5,
    }.items():
        yield f"record-is-{kind}", partial(write, content=content), REFUSED


def reseal(captured: Captured, *, kind: str = "version", format_: object = None) -> None:
    """Seal the version's body as another kind of record, or with another number."""
    body = canonical(body_of(captured.version))
    number = format_of(captured.version) if kind != "version" else format_
    captured.version.write_bytes(sealed(kind, number, body))


def write(captured: Captured, *, content: bytes) -> None:
    captured.version.write_bytes(content)


def text() -> Iterator[Attack]:
    """Yield damage to the marks of the other records, which reading does not need."""
    for kind, content in (("noise", bytes(range(256))), ("empty", b""), ("open-lists", b"[" * 10**5)):
        yield f"mark-is-{kind}", partial(overwrite, what="dataset.json", content=content), SAME
        yield f"plan-is-{kind}", partial(overwrite, what="plans/*/plan.json", content=content), SAME
        yield f"listings-are-{kind}", partial(overwrite, what="plans/*/listings.json", content=content), SAME
        yield f"receipts-are-{kind}", partial(overwrite, what="receipts/*.json", content=content), REFUSED
    yield "plan-is-of-another-number", reseal_plan, SAME


def overwrite(captured: Captured, *, what: str, content: bytes) -> None:
    for path in captured.folder.glob(what):
        path.write_bytes(content)


def reseal_plan(captured: Captured) -> None:
    captured.plan.write_bytes(sealed("plan", 99, canonical(body_of(captured.plan))))
