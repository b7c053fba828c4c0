"""A source of pictures that a page has to cope with: drawings of real nouns, hostile names, files of no use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tasks.ops.demo_set import render_demo_set
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font

DEMO = DemoSpec(classes=12, images_per_class=8, scale="small", seed=7)
SCRIPT = b"<script>alert(1)<"
"""What follows in a script is a slash, which no name has."""
MARKUP = b"\"'><img src=x onerror=alert(1)>&amp;"
LATIN = b"caf\xe9"
LONG = b"n" * 255
HOSTILE_CLASSES = (SCRIPT, MARKUP, LATIN, LONG)
HOSTILE_PICTURE = b"<b onmouseover=alert(1)>\xff\"'.jpg"
EMPTY, PAGE, CUT = (MARKUP + end for end in (b"-empty.jpg", b"-page.jpg", b"-cut.jpg"))
"""Files that are refused: one without a byte, a web page, and the first half of a picture."""
PICTURES_EACH = 4


def make_pictures(source: Path) -> None:
    """Draw a demonstration set as `source`, a folder "train", with classes of hostile names beside its own."""
    render_demo_set(source.parent, DEMO, font=find_emoji_font(), workers=1, on_progress=lambda written: None)
    for name in HOSTILE_CLASSES[:2]:
        _add_class(source, name)
    whole = sound_pictures(source)[0].read_bytes()
    for name, content in ((EMPTY, b""), (PAGE, b"<html>404</html>"), (CUT, whole[: len(whole) // 2])):
        (source / os.fsdecode(SCRIPT) / os.fsdecode(name)).write_bytes(content)


def add_pictures(source: Path) -> None:
    """Put in the classes that a second version has and the first has not."""
    for name in HOSTILE_CLASSES[2:]:
        _add_class(source, name)
    shutil.copyfile(sound_pictures(source)[0], source / os.fsdecode(LATIN) / os.fsdecode(HOSTILE_PICTURE))


def sound_pictures(source: Path) -> list[Path]:
    """Return pictures of the set's own classes that are not refused."""
    found = sorted(source.glob("n0*/*.JPEG"))
    return [path for path in found if path.stat().st_size > 1000 and path.read_bytes()[-2:] == b"\xff\xd9"]


def _add_class(source: Path, name: bytes) -> None:
    folder = source / os.fsdecode(name)
    folder.mkdir()
    # Another part of the pictures for each class: the same bytes twice would be the same source.
    first = HOSTILE_CLASSES.index(name) * PICTURES_EACH
    for number, picture in enumerate(sound_pictures(source)[first : first + PICTURES_EACH]):
        shutil.copyfile(picture, folder / f"{number}.jpg")
