"""Small facts as self-checking JSON files: plans, receipts, versions. One flipped bit anywhere is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from storage.digests import digest_of
from storage.durable import create_durably, write_durably
from storage.errors import DamagedDataset, UnreadableRecord
from storage.json_text import NotDecoded, decoded
from storage.plain_files import read_file

FORMAT = 2
"""Raised whenever a record changes its meaning; docs/formats.md says what each number holds."""

Value = TypeVar("Value")


class _Envelope(msgspec.Struct, frozen=True):
    kind: str
    format: int
    blake3: str
    body: msgspec.Raw


def encoded(value: object) -> bytes:
    """Return the canonical JSON of `value`: keys sorted, no spaces, so that equal values give equal bytes."""
    return msgspec.json.encode(value, order="sorted")


def fingerprint(value: object) -> str:
    """Return the BLAKE3 of the canonical JSON of `value`."""
    return digest_of(encoded(value))


def write_record(path: Path, kind: str, value: object) -> None:
    """Write `value` as a record of `kind`, replacing what was there."""
    write_durably(path, _sealed(kind, FORMAT, _readable(value)))


def create_record(path: Path, kind: str, value: object) -> bool:
    """Write `value` unless `path` exists; return whether this call wrote it."""
    return create_durably(path, _sealed(kind, FORMAT, _readable(value)))


def read_record(path: Path, kind: str, type_: type[Value]) -> Value:
    """Read a record of `kind`.

    Raises:
        FileNotFoundError: there is none.
        DamagedDataset: the bytes are not those that were written.
        UnreadableRecord: another version of this code wrote it.
    """
    return record_in(read_file(path), kind, type_, path=path)


def record_kind(path: Path) -> str | None:
    """Return of what kind the record at `path` is; None where there is no undamaged one."""
    try:
        content = read_file(path)
        envelope = decoded(content, _Envelope)
    except (FileNotFoundError, NotDecoded, DamagedDataset):
        return None
    return envelope.kind if content == _sealed(envelope.kind, envelope.format, bytes(envelope.body)) else None


def record_in(content: bytes, kind: str, type_: type[Value], *, path: Path) -> Value:
    """Return the value in the bytes of a record; `path` is named by the errors, which are those of `read_record`."""
    try:
        envelope = decoded(content, _Envelope)
    except NotDecoded as error:
        raise DamagedDataset(f"{path} is not a readable {kind} record: {error}", path=path) from error
    if content != _sealed(envelope.kind, envelope.format, bytes(envelope.body)):
        raise DamagedDataset(f"{path} is damaged: its content does not match its own checksum", path=path)
    if envelope.format != FORMAT:
        raise UnreadableRecord(
            f"{path} holds a {envelope.kind:.100} of format {envelope.format}; this version of imagemill reads a "
            f"{kind} of format {FORMAT}. Use the version that wrote it, or prepare into a new dataset name"
        )
    if envelope.kind != kind:
        raise DamagedDataset(f"{path} should hold a {kind}, it holds a {envelope.kind:.100}", path=path)
    try:
        return decoded(bytes(envelope.body), type_)
    except NotDecoded as error:
        raise UnreadableRecord(f"{path}: this version of imagemill cannot read it: {error}", path=path) from error


def _readable(value: object) -> bytes:
    """Return the canonical JSON of `value`, proved to read back: a record that nobody can open is never written."""
    body = encoded(value)
    try:
        same = msgspec.json.decode(body, type=type(value)) == value
    except msgspec.ValidationError:
        same = False
    if not same:
        raise TypeError(f"a {type(value).__name__} does not come back equal from its JSON: {value!r:.200}")
    return body


def _sealed(kind: str, format_: int, body: bytes) -> bytes:
    checksum = digest_of(f"{kind} {format_} ".encode() + body)
    head = encoded({"kind": kind, "format": format_, "blake3": checksum})
    return head[:-1] + b',"body":' + body + b"}\n"
