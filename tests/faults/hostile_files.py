"""Attacks by what stands where a file or a folder of a dataset should be: links, pipes, devices, and more of them."""

from __future__ import annotations

import os
import platform
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults.hostile_dataset import Captured, canonical, remove, sealed
from tests.faults.hostile_names import bind_socket
from tests.faults.hostile_records import REFUSED, SAME, Attack, format_of
from tests.oracles.published_dataset import digest_and_size

HUGE_BYTES = 1200 * 1024**2
"""More than reading may take, and no more than can be hashed in a moment."""

Stand = Callable[[Captured, Path], None]
"""Puts something where a file or folder was, which is gone."""


def link_outside(captured: Captured, path: Path) -> None:
    """Link to the same thing outside: a reader that follows would be content."""
    path.symlink_to(captured.outside / "twin" / path.relative_to(captured.folder))


def link_to_zeros(captured: Captured, path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(captured: Captured, path: Path) -> None:
    path.symlink_to(path.name)


def pipe(captured: Captured, path: Path) -> None:
    os.mkfifo(path)


def socket(captured: Captured, path: Path) -> None:
    bind_socket(path)


def folder(captured: Captured, path: Path) -> None:
    path.mkdir()


def huge(captured: Captured, path: Path) -> None:
    path.touch()
    os.truncate(path, HUGE_BYTES)


def plain_file(captured: Captured, path: Path) -> None:
    path.write_text("x")


def nothing(captured: Captured, path: Path) -> None:
    """Put nothing."""


STANDS: tuple[Stand, ...] = (link_outside, link_to_zeros, link_to_itself, pipe, socket, folder, huge, nothing)

FILES: dict[str, tuple[str, str]] = {
    "version": ("versions/00000001.json", REFUSED),
    "receipt": ("receipts/*.json", REFUSED),
    "shard": ("objects/16-*", REFUSED),
    "table": ("objects/rows-*", REFUSED),
    "view": ("objects/all-*", SAME),
    "card": ("objects/card-*", SAME),
    "mark": ("dataset.json", SAME),
    "plan": ("plans/*/plan.json", SAME),
    "listings": ("plans/*/listings.json", SAME),
    "shuffled": ("plans/*/shuffled.parquet", SAME),
    "spare": ("spares/*", SAME),
    "lock": ("lock", SAME),
}
"""Each kind of file, where it is, and what must come of reading without it."""

FOLDERS = {
    "versions": REFUSED,
    "receipts": REFUSED,
    "objects": REFUSED,
    "plans": SAME,
    "spares": SAME,
    "pins": SAME,
    "tmp": SAME,
    "refused": SAME,
    "trash": SAME,
    "logs": SAME,
}


def file_attacks() -> Iterator[Attack]:
    """Yield every attack by what is no file, or no folder, of the dataset's own."""
    for name, (pattern, verdict) in FILES.items():
        for stand in STANDS:
            attack = partial(stand_for, pattern=pattern, stand=stand)
            yield f"{name}-is-{stand.__name__.replace('_', '-')}", attack, verdict
    for name, verdict in FOLDERS.items():
        for stand in (link_outside, link_to_itself, pipe, plain_file):
            attack = partial(stand_for_folder, name=name, stand=stand)
            yield f"folder-{name}-is-{stand.__name__.replace('_', '-')}", attack, verdict
    yield from extra_versions()
    yield from extra_files()


def stand_for(captured: Captured, *, pattern: str, stand: Stand) -> None:
    for path in list(captured.folder.glob(pattern)):
        remove(path)
        stand(captured, path)


def stand_for_folder(captured: Captured, *, name: str, stand: Stand) -> None:
    path = captured.folder / name
    if path.exists():
        shutil.rmtree(path)
    stand(captured, path)


def extra_versions() -> Iterator[Attack]:
    """Yield files beside the one version that look like higher ones."""
    for name in (
        "00000002.json",
        "2.json",
        "1.json",
        "99999999.json",
        f"{'9' * 200}.json",
        "0٣.json",
        "0².json",
        "-1.json",
        "00000002.json.partial",
        ".00000002.json",
        "00000002\n.json",
    ):
        yield f"version-besides-{name!r:.24}", partial(add_version, name=name, content=None), SAME
    yield "higher-version-is-noise", partial(add_version, name="00000002.json", content=b"\xff" * 99), SAME
    yield "higher-version-is-deep", partial(add_version, name="00000002.json", content=b"[" * 10**5), SAME
    yield "higher-version-is-a-folder", lambda captured: (captured.folder / "versions" / "00000002.json").mkdir(), SAME
    yield "higher-version-is-a-pipe", lambda captured: os.mkfifo(captured.folder / "versions" / "00000002.json"), SAME


def add_version(captured: Captured, *, name: str, content: bytes | None) -> None:
    """Put a file beside the record of version 1, a copy of it unless `content` is given."""
    path = captured.folder / "versions" / name
    path.write_bytes(captured.version.read_bytes() if content is None else content)


def extra_files() -> Iterator[Attack]:
    """Yield what nobody asked for, in the folders that are looked through."""
    yield "plan-folder-of-any-name", partial(add_plan, name="x" * 200), SAME
    yield "plan-folder-of-no-digits", partial(add_plan, name="..."), SAME
    yield "plan-is-a-file", lambda captured: (captured.folder / "plans" / "a").write_text("x"), SAME
    yield "plan-folder-leads-outside", link_plan, SAME
    for name in ("pipe", "noise", "deep", "link"):
        yield f"pin-is-{name}", partial(add_pin, kind=name), SAME
    yield "spare-has-members-that-lead-outside", hostile_spare, SAME
    yield "mark-of-a-dataset-besides-is-a-pipe", partial(add_dataset, kind="pipe"), SAME
    yield "dataset-besides-is-empty", partial(add_dataset, kind="empty"), SAME
    yield "run-that-looks-dead-leads-outside", dead_run, SAME


def add_plan(captured: Captured, *, name: str) -> None:
    shutil.copytree(captured.plan.parent, captured.folder / "plans" / name)


def link_plan(captured: Captured) -> None:
    name = captured.plan.parent.name
    (captured.folder / "plans" / ("0" * 32)).symlink_to(captured.outside / "twin" / "plans" / name)


def add_pin(captured: Captured, *, kind: str) -> None:
    folder = captured.folder / "pins"
    folder.mkdir(exist_ok=True)
    path = folder / "elsewhere+0+0+1+0+abcdef01"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(captured.outside / "canary.json")
    else:
        path.write_bytes({"noise": b"\xff" * 99, "deep": b"[" * 10**5}[kind])


def hostile_spare(captured: Captured) -> None:
    """Damage the mark, and offer as its copy a member of that name and others that lead out of the folder."""
    for path in (captured.folder / "spares").iterdir():
        path.unlink()
    new = captured.folder / "new.zip"
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../outside/made-by-a-spare", b"x")
        archive.writestr("/tmp/made-by-a-spare", b"x")
        archive.writestr("dataset.json", bytes(10**8))
        member = zipfile.ZipInfo("versions/00000001.json")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, str(captured.outside / "canary.json"))
    new.rename(captured.folder / "spares" / f"00000001-{digest_and_size(new)[0]}.zip")
    (captured.folder / "dataset.json").write_bytes(b"x")


def add_dataset(captured: Captured, *, kind: str) -> None:
    other = captured.folder.with_name("other")
    other.mkdir()
    if kind == "pipe":
        os.mkfifo(other / "dataset.json")
    else:
        mark = sealed("dataset", format_of(captured.version), canonical({"name": "other", "kind": "images"}))
        (other / "dataset.json").write_bytes(mark)


def dead_run(captured: Captured) -> None:
    """Put a link where a run of this host that is gone would have left its folder."""
    folder, host = captured.folder / "tmp", platform.node()
    folder.mkdir(exist_ok=True)
    (folder / f"{host}+0+1+abcdef01").symlink_to(captured.outside)
    (folder / f"{host}+0+0+1+0+abcdef01").symlink_to(captured.outside)
