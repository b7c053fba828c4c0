"""A dataset in hostile hands: its records changed and sealed again, its objects swapped, every checksum right.

Sealing and hashing follow docs/formats.md and share no code with the product.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from tests.oracles.published_dataset import digest_and_size

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Captured:
    """The dataset at `folder`; `outside` holds canaries, and code that runs would make the file `sentinel`."""

    folder: Path
    outside: Path
    sentinel: Path

    @property
    def version(self) -> Path:
        """The record of its one version."""
        return self.folder / "versions" / "00000001.json"

    @property
    def plan(self) -> Path:
        """The record of its one plan."""
        (path,) = self.folder.glob("plans/*/plan.json")
        return path

    @property
    def receipt(self) -> Path:
        """The receipt of its first shard."""
        return self.folder / "receipts" / f"{body_of(self.version)['shards'][0]['key']}.json"

    @property
    def table(self) -> Path:
        """Its table of rows."""
        return self.folder / "objects" / body_of(self.version)["table"]["name"]

    @property
    def shard(self) -> Path:
        """The object of its first shard at the largest size."""
        return self.folder / "objects" / body_of(self.version)["shards"][0]["objects"][0]["name"]

    def change(self, path: Path, change: Callable[[Body], object]) -> None:
        """Change the body of a record and seal it again."""
        head, body = _parts(path)
        value = json.loads(body)
        change(value)
        self.seal(path, canonical(value), **head)

    def replace_body(self, path: Path, old: bytes, new: bytes) -> None:
        """Change the text of a record's body, which need not be JSON afterwards, and seal it again."""
        head, body = _parts(path)
        assert old in body
        self.seal(path, body.replace(old, new, 1), **head)

    def seal(self, path: Path, body: bytes, *, kind: str, format_: object) -> None:
        """Write a record with its right checksum."""
        path.write_bytes(sealed(kind, format_, body))

    def adopt(self, old: Path, new: Path) -> None:
        """Let the object `new` take the place of `old`, with its own hash in its name and in every record."""
        digest, size = digest_and_size(new)
        name = f"{old.name.split('-')[0]}-{digest}{old.suffix}"
        new.rename(old.with_name(name))
        remove(old)
        adopted = {"name": name, "digest": digest, "bytes": size}
        for path in (self.version, *self.folder.glob("receipts/*.json")):
            self.change(path, lambda body: _swap(body, old.name, adopted))


def body_of(path: Path) -> Body:
    """Return the body of a record, as json reads it."""
    return json.loads(_parts(path)[1])


def canonical(value: object) -> bytes:
    """Return canonical JSON: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def sealed(kind: str, format_: object, body: bytes) -> bytes:
    """Return the bytes of a record."""
    checksum = blake3(f"{kind} {format_} ".encode() + body).hexdigest()
    return canonical({"blake3": checksum, "format": format_, "kind": kind})[:-1] + b',"body":' + body + b"}\n"


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _parts(path: Path) -> tuple[dict[str, Any], bytes]:
    head, _, body = path.read_bytes()[:-2].partition(b',"body":')
    envelope = json.loads(head + b"}")
    return {"kind": envelope["kind"], "format_": envelope["format"]}, body


def _swap(value: Any, name: str, stored: Body) -> None:
    """Put `stored` wherever an object of that name stands."""
    if isinstance(value, dict) and value.get("name") == name and "digest" in value:
        value.update(stored)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _swap(part, name, stored)
