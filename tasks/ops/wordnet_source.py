"""Finds WordNet 3.0 on this machine, and gives it as a folder that NLTK can read, too.

NLTK follows no link out of its data path, reads no corpus outside of it, and wants the table `lexnames`, which Debian
leaves out. So whatever is not complete in one place is copied (36 MB) into an NLTK data folder below `scratch`.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from storage.durable import remove
from tasks.ops.debian_packages import NotFetched, unpack_packages
from tasks.ops.wordnet_files import LEXICOGRAPHER_FILES, PARTS_OF_SPEECH
from tasks.ops.wordnet_nouns import NOUN_SYNSETS

logger = logging.getLogger(__name__)

DEBIAN = Path("/usr/share/wordnet")
PACKAGES = ("wordnet-base", "wordnet-sense-index")
CORPUS = Path("corpora", "wordnet")
"""Where WordNet is in an NLTK data folder, with `.zip` if it is not unpacked."""
LEXNAMES = "lexnames"
FILES = (
    *("cntlist.rev", "index.sense"),
    *(name for part in PARTS_OF_SPEECH for name in (f"data.{part}", f"index.{part}", f"{part}.exc")),
)
"""What NLTK opens besides `lexnames`."""
TENCH = 1_440_764, b"01440764 05 n 02 tench 0 "
"""ImageNet's first class, n01440764: in any other WordNet something else is at this byte."""

Source = Path | zipfile.Path


class WordNetMissing(ValueError):
    """There is no usable WordNet 3.0; the message says where it was looked for and how to get it."""


class _Unusable(ValueError):
    """One place has no WordNet 3.0; the message says what is wrong there."""


def find_wordnet(
    configured: Path | None = None, *, scratch: Path, download: bool = False, debian: Path = DEBIAN
) -> Path:
    """Return a folder with WordNet 3.0: the configured one, else NLTK's, else Debian's, else (if asked) a download.

    `configured` is a folder with WordNet's files, a zip of them, or an NLTK data folder; if it is none of these, no
    other place is tried. What had to be copied stays in `scratch / "nltk_data"`, for the next call.

    Raises:
        WordNetMissing: no place has it.
    """
    places = _places(debian, scratch, download=download) if configured is None else _configured_places(configured)
    refused: list[str] = []
    try:
        for place in places:
            try:
                return _readable(place, scratch / "nltk_data" / CORPUS)
            except _Unusable as error:
                refused.append(str(error))
    except _Unusable as error:  # the download
        refused.append(str(error))
    raise WordNetMissing(
        f"there is no WordNet 3.0 here: {'; '.join(refused)}. Either install Debian's packages (apt-get install"
        " wordnet-base wordnet-sense-index), or NLTK's copy (python -m nltk.downloader wordnet), or configure the path"
        " of a folder that has it (--wordnet), or have either of them downloaded (--download)"
    )


def _places(debian: Path, scratch: Path, *, download: bool) -> Iterator[Path]:
    """Yield where WordNet may be; the download begins only once all other places were refused."""
    import nltk.data  # takes two seconds, which a configured path saves

    for folder in map(str, nltk.data.path):
        yield from filter(Path.exists, _corpora(Path(folder)))
    yield debian
    if download:
        # What the packages hold goes by the same way as Debian's own folder does.
        with tempfile.TemporaryDirectory(prefix="imagemill-wordnet-") as folder:
            yield from _unpacked(Path(folder))
        yield from filter(Path.exists, _corpora(_downloaded(scratch / "nltk_data")))


def _unpacked(folder: Path) -> Iterator[Path]:
    """Yield where Debian's packages lie once they are fetched, if they can be."""
    try:
        yield unpack_packages(PACKAGES, folder) / DEBIAN.relative_to("/")
    except NotFetched as error:
        logger.info("Debian's WordNet cannot be fetched: %s", error)


def _configured_places(configured: Path) -> Iterator[Path]:
    below = [place for place in _corpora(configured) if place.exists()]
    yield from below or [configured]


def _corpora(nltk_data: Path) -> tuple[Path, Path]:
    corpus = nltk_data / CORPUS
    return corpus, corpus.with_suffix(".zip")


def _downloaded(nltk_data: Path) -> Path:
    import nltk

    nltk_data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        nltk.download("wordnet", download_dir=str(nltk_data), quiet=True, raise_on_error=True)
    except (ValueError, OSError) as error:
        raise _Unusable(f"the download failed ({error})") from error
    return nltk_data


def _readable(place: Path, copy: Path) -> Path:
    """Return `place` if NLTK can read it as it is, else a copy of its files that NLTK can read."""
    source = _opened(place)
    _require_wordnet(source, place)
    if isinstance(source, Path) and all(_is_inside(source / name, source) for name in (LEXNAMES, *FILES)):
        return source
    try:
        _require_wordnet(copy, copy)
    except _Unusable:
        remove(copy)
        _copy(source, copy)
    return copy


def _opened(place: Path) -> Source:
    """Return `place`, or what is inside of it if it is a zip."""
    if not place.is_file():
        return place
    try:
        top = zipfile.Path(place)
    except zipfile.BadZipFile as error:
        raise _Unusable(f"{place} is neither a folder nor a zip ({error})") from error
    return top / "wordnet" if (top / "wordnet").is_dir() else top


def _require_wordnet(source: Source, place: Path) -> None:
    """Raise _Unusable unless `source` has all files but lexnames, and the nouns are those of WordNet 3.0."""
    if not place.exists():
        raise _Unusable(f"there is no {place}")
    missing = [name for name in FILES if not source.joinpath(name).is_file()]
    if missing:
        raise _Unusable(f"{place} lacks {', '.join(missing)}")
    nouns = source.joinpath("data.noun").read_bytes()
    start, tench = TENCH
    if not nouns.startswith(tench, start):
        raise _Unusable(f"{place} is not WordNet 3.0, where n{start:08d} is the tench")
    # Each synset is a line, and so is each line of the licence, which begins with two spaces.
    synsets = nouns.count(b"\n") - nouns.count(b"\n  ") - nouns.startswith(b"  ")
    if synsets != NOUN_SYNSETS:
        raise _Unusable(f"{place} has {synsets:,} noun synsets, WordNet 3.0 has {NOUN_SYNSETS:,}")


def _is_inside(path: Path, folder: Path) -> bool:
    return path.is_file() and path.resolve().parent == folder.resolve()


def _copy(source: Source, target: Path) -> None:
    """Copy the files and write `lexnames`; the folder appears whole. NLTK wants it to be writable by nobody else."""
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wordnet-") as made:
        whole = Path(made, target.name)
        whole.mkdir(mode=0o700)
        for name in FILES:
            (whole / name).touch(mode=0o644)
            with source.joinpath(name).open("rb") as found, (whole / name).open("wb") as copied:
                shutil.copyfileobj(found, copied)
        (whole / LEXNAMES).touch(mode=0o644)
        (whole / LEXNAMES).write_text(_lexnames(), encoding="ascii")
        whole.rename(target)


def _lexnames() -> str:
    """Return the table as lexnames(5WN) describes it: number, name, number of the syntactic category."""
    categories = {part: number for number, part in enumerate(PARTS_OF_SPEECH, 1)}
    rows = (
        f"{number:02d}\t{name}\t{categories[name.partition('.')[0]]}\n"
        for number, name in enumerate(LEXICOGRAPHER_FILES)
    )
    return "".join(rows)
