"""A tree of inputs whose names, kinds or places are hostile, and what must become of each."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.hostile_pictures import STORED, jpeg

SPARSE_BYTES = 10 * 1000**3

NAMES: tuple[bytes, ...] = (
    b"\xff\xfe\x80.jpg",
    b"caf\xe9.jpg",
    b"overlong-\xc0\xaf.jpg",
    b"surrogate-\xed\xa0\x80.jpg",
    "Grüße-🦊-日本語.jpg".encode(),
    "composed-\u00e9.jpg".encode(),
    "decomposed-e\u0301.jpg".encode(),
    "gpj.\u202eleft-to-right".encode(),
    "\u2066isolated\u2069\u200f\u200e.jpg".encode(),
    "zero-width-\u200b\u200d\ufeff.jpg".encode(),
    "line\u2028paragraph\u2029.jpg".encode(),
    "next-line\u0085.jpg".encode(),
    b"new\nline.jpg",
    b"carriage\rreturn.jpg",
    b"tab\tand\x0bmore.jpg",
    b"bell\x07back\x08delete\x7f.jpg",
    b"\x1b[31mred\x1b[0m.jpg",
    b"\x1b]0;title\x07.jpg",
    b"\x1b[2J\x1b[H.jpg",
    "\u009b31mred.jpg".encode(),
    b"-rf.jpg",
    b"--dataset=x.jpg",
    b"x..jpg",
    b"x.jpg..",
    b"~root.jpg",
    b"$HOME $(touch sentinel) `touch sentinel`.jpg",
    b"; touch sentinel ;.jpg",
    b"* ? [a-z] {a,b}.jpg",
    b"| & < > !.jpg",
    b"\"double\" 'single'.jpg",
    b"back\\slash\\x41\\.jpg",
    b"%00%2e%2e%2f.jpg",
    b" leading and trailing .jpg ",
    b"  ",
    b"=cmd|' -C calc'!A0.jpg",
    b"comma,semicolon;.jpg",
    b"<script>alert(1)<",
    b"<img src=x onerror=alert(1)>.jpg",
    b"&lt;b&gt;.jpg",
    b"| a | b |.jpg",
    b"`code` **bold** _it_ # head.jpg",
    b"![picture](http:..example.org).jpg",
    b"[red]rich[.jpg",
    b"{braces} %s %d {0}.jpg",
    b"n" * 255,
    b"n" * 251 + b".jpg",
    "ü".encode() * 127,
    b"CON.jpg",
    b"nul",
    b"no-suffix",
    b"UPPER.JPEG",
    b"1e999.jpg",
    b"null",
)


@dataclass(frozen=True, slots=True)
class Tree:
    """The inputs below `source` with the verdict on each, and `outside`, a folder that links lead to."""

    source: Path
    outside: Path
    verdicts: dict[bytes, str]

    def place(self, path: bytes) -> Path:
        """Return the full path of `path` below the source, its folder made."""
        full = self.source / os.fsdecode(path)
        full.parent.mkdir(parents=True, exist_ok=True)
        return full

    def put(self, path: bytes, content: bytes, verdict: str) -> Path:
        """Write a regular file; return its full path."""
        full = self.place(path)
        full.write_bytes(content)
        self.verdicts[path] = verdict
        return full

    def make(self, path: bytes, making: Callable[[Path], object], verdict: str | None) -> None:
        """Make something that is no regular file; `verdict` is None where it should not be listed."""
        making(self.place(path))
        if verdict:
            self.verdicts[path] = verdict


def put_hostile_names(tree: Tree) -> None:
    """Give sound pictures every hostile name, and put one into the folder of a class of that name."""
    for number, name in enumerate(NAMES):
        tree.put(b"names/" + name, jpeg(quality=30 + number), STORED)
        tree.put(name + b"/picture", jpeg(quality=30 + number), STORED)
    tree.put(b"deep/" + b"/".join([b"d" * 200] * 15) + b"/picture.jpg", jpeg(), STORED)
    # Hidden names are passed over, folders too.
    for path in (
        b"names/.hidden.jpg",
        b"names/..jpg",
        b"names/...jpg",
        b".hidden/picture.jpg",
        b"names/.h/picture.jpg",
    ):
        tree.put(path, jpeg(), STORED)
        del tree.verdicts[path]


def put_hostile_kinds(tree: Tree) -> None:
    """Put what is no regular file under the names of images, and regular files of strange sorts."""
    refused = "not-a-regular-file"
    sound = tree.put(b"kinds/sound.jpg", jpeg(), STORED)
    inner = tree.put(b"kinds/folder/picture.jpg", jpeg(), STORED)
    links = {
        b"to-a-file": "sound.jpg",
        b"to-a-full-path": sound,
        b"to-outside": tree.outside / "canary.jpg",
        b"to-a-folder": inner.parent,
        b"to-the-source": tree.source,
        b"to-nothing": "not-there",
        b"to-itself": "to-itself.jpg",
        b"to-a-device": "/dev/zero",
        b"to-the-process": "/proc/self/environ",
    }
    for name, target in links.items():
        tree.make(b"kinds/" + name + b".jpg", partial(os.symlink, target), refused)
        tree.make(b"kinds/" + name, partial(os.symlink, target), refused)
    tree.make(b"kinds/one.jpg", partial(os.symlink, "another.jpg"), refused)
    tree.make(b"kinds/another.jpg", partial(os.symlink, "one.jpg"), refused)
    for name in (b"hard-link.jpg", b"hard-link-2.jpg"):
        tree.make(b"kinds/" + name, partial(os.link, sound), STORED)
    for name in (b"folder.JPEG", b"folder.png", b"folder.jpg"):
        tree.make(b"kinds/" + name, Path.mkdir, refused)
    tree.make(b"kinds/full.jpeg/picture.jpg", Path.mkdir, None)
    tree.verdicts[b"kinds/full.jpeg"] = refused
    tree.make(b"kinds/empty-folder", Path.mkdir, None)
    for name in (b"pipe.jpg", b"pipe"):
        tree.make(b"kinds/" + name, os.mkfifo, refused)
    tree.make(b"kinds/socket.jpg", bind_socket, refused)
    for name, device in device_nodes():
        tree.make(b"kinds/" + name, partial(os.mknod, mode=stat.S_IFCHR | 0o666, device=device), refused)
    tree.put(b"kinds/empty.jpg", b"", "empty")
    sparse(tree, b"kinds/sparse.jpg", b"", "too-many-bytes")
    sparse(tree, b"kinds/sparse-behind-a-picture.jpg", jpeg(), "too-many-bytes")
    for name, seconds in ((b"of-1901", -(2**31)), (b"of-1970", 0), (b"of-2100", 4102444800)):
        os.utime(tree.put(b"kinds/" + name + b".jpg", jpeg(), STORED), (seconds, seconds))
    tree.put(b"kinds/program.jpg", jpeg(), STORED).chmod(0o6777)
    if os.geteuid() != 0:
        tree.put(b"kinds/unreadable.jpg", jpeg(), "unreadable").chmod(0)


def sparse(tree: Tree, path: bytes, head: bytes, verdict: str) -> None:
    """Put a file of 10 GB that takes no space, `head` in front."""
    os.truncate(tree.put(path, head, verdict), SPARSE_BYTES)


def bind_socket(path: Path) -> None:
    """Make a socket; its path may be longer than a socket's address, so its folder is named by a descriptor."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with closing(socket.socket(socket.AF_UNIX)) as bound:
            bound.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def device_nodes() -> Iterator[tuple[bytes, int]]:
    """Yield names and numbers of devices, if this user may make any: zeros without end, and nothing."""
    if os.geteuid() == 0:
        yield b"zero.jpg", os.makedev(1, 5)
        yield b"null.jpg", os.makedev(1, 3)
