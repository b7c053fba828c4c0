"""Whatever is asked, on whole data and on damaged data, is answered: never by an error of the server's own."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.security import HEADERS
from tests.dashboard.asking import Visitor
from tests.dashboard.conftest import visitor_of
from tests.dashboard.paths import IDENTITY, identity_in, paths_of
from tests.dashboard.small_roots import RUN, SAMPLES, SECRET, Roots
from tests.faults.hostile_names import NAMES

TOKEN = "a-token-of-thirty-two-characters"
KNOWN = (
    "datasets", "models", "words", "search", "disks", "static", "sign-in", "health", "picture", "rows", "pictures",
    "runs", "improved", "photos", "hostile", "nothing", "photos-plain", "torn", "splits-photos", "model-faces",
    "faces", "devise", "style.css", "live.js", "0.png", "0.jpg", "11.jpg", RUN, IDENTITY, *SAMPLES,
)  # fmt: skip
NUMBERS = ("0", "1", "2", "11", "12", "-1", "00001", "999999999999", "9999999999999", "1e3", "٣", "²", "0x1", " 1")
HOSTILE = (*(quote(name) for name in NAMES), "..", "%2e%2e", "%00", "%0a", "%0d%0a", "%2f", "%5c", "%ff", "%ed%a0%80")

parts = st.sampled_from((*KNOWN, *map(quote, NUMBERS), *HOSTILE)) | st.text(max_size=20).map(
    lambda text: quote(text.encode("utf-8", "surrogatepass"))
)
methods = st.sampled_from(("GET",) * 6 + ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"))
queries = st.lists(
    st.tuples(st.sampled_from(("version", "class", "page", "q", "word", "maps", "x", "%00")), parts), max_size=3
).map(lambda pairs: "?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else "")
texts = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
named = st.sampled_from(
    ("cookie", "authorization", "if-none-match", "if-modified-since", "range", "accept-encoding", "content-type",
     "referer", "x-forwarded-proto", "x-forwarded-prefix", "transfer-encoding")
)  # fmt: skip
spoken = st.sampled_from(("bytes=0-1", "bytes=9-", "gzip", "imagemill-token=x", "Bearer x", "multipart/form-data"))
headers = st.dictionaries(named, texts | spoken, max_size=3)
bodies = st.sampled_from((b"", b"token=x", b"\xff\xd8\xff\xe0", b"%PDF", b"\x00" * 5000, b"token=%ff%00&token=")) | (
    st.binary(max_size=200)
)
SHAPES = (
    "/", "/{}", "//{}", "/{}/{}/{}", "/datasets/{}", "/datasets/photos", "/datasets/photos/1/rows",
    "/datasets/{}/{}/rows", "/datasets/{}/{}/rows/{}", "/datasets/{}/{}/pictures/{}/{}/{}.png", "/models/{}",
    "/models/faces", "/models/{}/runs/{}/{}", "/models/{}/{}/improved/{}/{}.png", "/static/{}", "/static/{}/{}",
    "/words", "/search", "/search/{}", "/search/picture", "/sign-in",
)  # fmt: skip


@st.composite
def targets(draw: st.DrawFn) -> str:
    shape = draw(st.sampled_from(SHAPES))
    return shape.format(*draw(st.lists(parts, min_size=5, max_size=5))) + draw(queries)


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(methods, targets(), headers, bodies)
def test_no_request_is_an_error_of_the_servers_own(
    kept_roots: Roots, kept_visitor: Visitor, method: str, target: str, sent: dict[str, str], body: bytes
):
    answer = kept_visitor.ask(method, target.replace(IDENTITY, identity_in(kept_roots)), sent, body=body)
    assert (answer.status < 500, answer.error) == (True, None)
    assert HEADERS.items() <= answer.headers.items()
    assert SECRET not in answer.content


@pytest.fixture(scope="module")
def guarded(kept_roots: Roots) -> Iterator[Visitor]:
    with visitor_of(kept_roots, token=TOKEN, prefix="/mill") as visitor:
        yield visitor


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(methods, st.sampled_from(("", "/mill", "/mill/mill", "/Mill")), targets(), headers, bodies)
def test_nothing_that_is_sent_passes_for_the_token(
    kept_roots: Roots, guarded: Visitor, method: str, prefix: str, target: str, sent: dict[str, str], body: bytes
):
    answer = guarded.ask(method, prefix + target, sent, body=body)
    path = target.partition("?")[0]
    is_open = prefix in ("", "/mill") and path in ("/health", "/sign-in", "/static/style.css")
    assert answer.error is None
    assert answer.status == 401 or is_open or answer.status == 413
    assert answer.status < 500


# ---- Damaged data


def _truncated(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size + 1))


def _flipped(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(min(chance.choice((1, 3, 50)), len(content))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _cut_lines(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", chance.choice((b"\r", b"\x00", b"", b'"'))))


def _replaced_by_zeros(path: Path, chance: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _replaced_by_json(path: Path, chance: random.Random) -> None:
    path.write_text(
        chance.choice(("{}", "[]", "null", '{"version": 1}', '"', "1e999", '{"at": "0001-01-01T00:00+23:59"}'))
    )


def _gone(path: Path, chance: random.Random) -> None:
    path.unlink()


def _replaced_by_a_folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _replaced_by_a_link(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.symlink_to(chance.choice(("/dev/zero", "/proc/self/environ", "nothing", path.name, path.parent)))


def _replaced_by_a_pipe(path: Path, chance: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder_is_a_link(path: Path, chance: random.Random) -> None:
    if path.parent.is_symlink():
        return
    moved = path.parent.with_name(f"{path.parent.name}-moved")
    path.parent.rename(moved)
    path.parent.symlink_to(moved)


def _folder_is_gone(path: Path, chance: random.Random) -> None:
    shutil.rmtree(path.parent)


Damage = Callable[[Path, random.Random], None]
DAMAGES: tuple[Damage, ...] = (
    _truncated, _flipped, _cut_lines, _replaced_by_zeros, _replaced_by_json, _gone, _replaced_by_a_folder,
    _replaced_by_a_link, _replaced_by_a_pipe, _folder_is_a_link, _folder_is_gone,
)  # fmt: skip


def files_of(roots: Roots) -> list[Path]:
    """Return all files below both roots, names apart from hostile ones."""
    found = [path for tier in ("slow", "fast") for path in sorted((roots.root / tier).rglob("*"))]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def require_answers(roots: Roots, addresses: list[str]) -> None:
    with visitor_of(roots) as visitor:
        for path in addresses:
            answer = visitor.get(path)
            assert (answer.status in (200, 404, 503), answer.error) == (True, None), path
            assert SECRET not in answer.content
            assert answer.status == 200 or answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_every_file_damaged_alike_is_told_and_no_error(kept_roots: Roots, roots: Roots, damage: Damage):
    chance = random.Random(damage.__name__)
    addresses = paths_of(kept_roots)
    for path in files_of(roots):
        if path.exists() and path.name != "dataset.json" and not path.is_symlink():
            damage(path, chance)
    require_answers(roots, addresses)


def _trials(kept_roots: Roots, place: Path, *, seed: int, count: int) -> None:
    chance = random.Random(seed)
    addresses = paths_of(kept_roots)
    for trial in range(count):
        roots = kept_roots.copied(place / str(trial))
        for path in chance.sample(files_of(roots), chance.choice((1, 1, 2, 5, 20))):
            if path.exists():
                chance.choice(DAMAGES)(path, chance)
        require_answers(roots, addresses)
        shutil.rmtree(roots.root)


def test_some_files_damaged_at_random_are_told_and_no_error(kept_roots: Roots, tmp_path: Path):
    _trials(kept_roots, tmp_path, seed=1, count=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
def test_many_files_damaged_at_random_are_told_and_no_error(kept_roots: Roots, tmp_path: Path, seed: int):
    _trials(kept_roots, tmp_path, seed=seed, count=60)


OTHER_KINDS = ("refused", "metrics", "lineage", "result", "words", "features")


@pytest.mark.parametrize(
    "kind", ["rows", "card", *(pytest.param(kind, marks=pytest.mark.slow) for kind in OTHER_KINDS)]
)
def test_each_kind_of_object_damaged_alone_is_told_and_no_error(kept_roots: Roots, tmp_path: Path, kind: str):
    chance = random.Random(kind)
    for number, damage in enumerate((_flipped, _truncated, _cut_lines, _replaced_by_a_link)):
        roots = kept_roots.copied(tmp_path / str(number))
        for path in roots.tiers.slow.glob(f"*/objects/{kind}*"):
            if path.is_file():
                damage(path, chance)
        require_answers(roots, paths_of(kept_roots))
