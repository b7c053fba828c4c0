"""Pages and classes are what a look through all rows finds, pictures the published ones; looking changes nothing."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dashboard.catalogue import Catalogue, Catalogues, as_jpeg, as_png, place_of_thumbnails
from dashboard.site import Site
from storage.digests import digest_of
from storage.errors import DamagedDataset
from storage.parquet import write_table
from storage.reading import OpenVersion, open_version
from storage.receipts import StoredObject
from storage.row_tables import rows_table
from storage.tiers import Tiers
from storage.versions import Version
from tests.dashboard.asking import Markup
from tests.dashboard.conftest import visitor_of
from tests.dashboard.paths import paths_of
from tests.dashboard.small_roots import Roots
from tests.examples import PARAMETERS
from tests.storage.random_versions import Published, published_rows

CLASSES = ("ant", "bee", "cat", "dog", "eel")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A version of 133 rows in shards of 70, none and 63. Do not change it."""
    root = tmp_path_factory.mktemp("photos")
    return published_rows(Tiers(root / "slow", root / "fast"), PARAMETERS, shards=(70, 0, 63), rows_per_chunk=8)


def catalogue_of(tiers: Tiers, number: int = 1) -> Catalogue:
    return Catalogue(tiers, "photos", open_version(tiers, "photos", number=number, access="glance"))


@pytest.fixture(scope="module")
def relabelled(photos: Published, tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[int]], Catalogue]:
    """Give the catalogue of the version with a table of other labels; its pictures are not looked at."""
    place = tmp_path_factory.mktemp("tables")

    def make(labels: list[int]) -> Catalogue:
        names = [f"{CLASSES[label]}/{row}.jpg" for row, label in enumerate(labels)]
        sources = [digest_of(name.encode()) for name in names]
        path = photos.tiers.slow / "photos" / "objects" / "rows-of-a-test.parquet"
        write_table(place / "t.parquet", rows_table(names, labels, sources, classes=CLASSES, rule=PARAMETERS.split))
        shutil.copyfile(place / "t.parquet", path)
        table = StoredObject(path.name, digest_of(path.read_bytes()), path.stat().st_size)
        changed = replace(photos.version, classes=CLASSES, stored=len(labels), table=table)
        return Catalogue(
            photos.tiers, "photos", OpenVersion(photos.tiers, "photos", changed, access="glance", check=True)
        )

    return make


# ---- Pages


@settings(max_examples=40)
@given(labels=st.lists(st.integers(0, 4), max_size=60), size=st.integers(1, 9))
def test_pages_of_all_and_of_each_class_are_what_a_look_through_all_rows_finds(
    relabelled: Callable[[list[int]], Catalogue], labels: list[int], size: int
):
    catalogue = relabelled(labels)
    every = np.array(labels, np.int64)
    np.testing.assert_array_equal(catalogue.counts, np.bincount(every, minlength=5))
    for label in (None, 0, 1, 2, 3, 4):
        wanted = list(range(len(labels))) if label is None else np.flatnonzero(every == label).tolist()
        for number in range(-(-len(wanted) // size) + 2):
            page = catalogue.page(number, size=size, label=label)
            assert [row.number for row in page.rows] == wanted[number * size : (number + 1) * size]
            assert [row.label for row in page.rows] == [labels[row.number] for row in page.rows]
            assert (page.first, page.total) == (number * size, len(wanted))


def test_every_page_of_the_site_shows_its_rows_and_no_page_is_beyond_the_last(photos: Published):
    with visitor_of(Roots(photos.tiers.slow.parent)) as visitor:
        for label in (None, 0, 1):
            wanted = list(range(133)) if label is None else np.flatnonzero(photos.labels == label).tolist()
            asked = "" if label is None else f"class={label}&"
            shown: list[int] = []
            last = -(-len(wanted) // 60)
            for number in range(1, last + 1):
                links = Markup(visitor.get(f"/datasets/photos/1/rows?{asked}page={number}").text).values("href")
                rows = [link for link in links if link.startswith("/datasets/photos/1/rows/")]
                shown += [int(link.rpartition("/")[2]) for link in rows]
            assert shown == wanted
            assert visitor.get(f"/datasets/photos/1/rows?{asked}page={last + 1}").status == 404


def test_a_class_without_rows_says_so(kept_roots: Roots):
    with visitor_of(kept_roots) as visitor:
        assert "all of its images were refused" in visitor.get("/datasets/nothing/1/rows?class=0").text


def test_the_facts_of_a_row_are_those_that_were_published(photos: Published):
    catalogue = catalogue_of(photos.tiers)
    for number in (0, 1, 69, 70, 132):
        facts = catalogue.facts(number)
        name = photos.names[number]
        assert (facts.name, facts.source) == (name, photos.sources[number])
        assert facts.id == int(digest_of(name.encode())[:16], 16)
        assert (facts.row.number, facts.row.label) == (number, photos.labels[number])
        assert facts.row.split in ("train", "valid", "test")


def test_the_first_rows_of_a_split_are_the_first_of_those_that_say_so(photos: Published):
    catalogue = catalogue_of(photos.tiers)
    splits = [catalogue.facts(number).row.split for number in range(133)]
    for split in ("train", "valid", "test"):
        wanted = [number for number, found in enumerate(splits) if found == split]
        assert catalogue.first_of(split, 5) == tuple(wanted[:5])
        assert catalogue.first_of(split, 1000) == tuple(wanted)
    assert catalogue.first_of("no such split", 5) == ()


# ---- Pictures


def test_pixels_are_those_that_were_published(photos: Published):
    catalogue = catalogue_of(photos.tiers)
    for place, side in enumerate(photos.version.sides):
        for number in (0, 69, 70, 132):
            np.testing.assert_array_equal(catalogue.pixels(number, place), photos.images[side][number])


def test_pictures_of_the_site_are_those_that_were_published(photos: Published):
    base = f"/datasets/photos/1/pictures/{photos.version.identity[:16]}"
    with visitor_of(Roots(photos.tiers.slow.parent)) as visitor:
        for number in (0, 70, 132):
            answer = visitor.get(f"{base}/0/{number}.png")
            assert answer.headers["content-type"] == "image/png"
            np.testing.assert_array_equal(decoded(answer.content), photos.images[8][number])


def test_pairs_are_shown_as_the_good_row_and_its_bad_one(kept_roots: Roots):
    with visitor_of(kept_roots) as visitor:
        page = Markup(visitor.get("/datasets/photos-plain/1/rows/3").text)
        bad, good = (link for link in page.values("src")[::-1] if "/pictures/" in link and link.endswith(".png"))
        if page.values("alt")[-1].endswith("good"):
            bad, good = good, bad
        pictures = {link: decoded(visitor.get(link).content).astype(int) for link in (good, bad)}
    with open_version(kept_roots.tiers, "photos") as opened:
        published = np.asarray(opened.rows(16)[0 : len(opened)])
    assert min(np.abs(published - pictures[good]).mean(axis=(1, 2, 3))) == 0
    assert np.abs(pictures[good] - pictures[bad]).mean() > 1


@given(st.integers(0, 2**32), st.sampled_from((8, 64, 150, 161, 500)), st.sampled_from((8, 160)))
@settings(max_examples=15)
def test_a_small_picture_is_near_to_the_large_one(seed: int, side: int, edge: int):
    coarse = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), np.uint8)
    large = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    small = decoded(as_jpeg(large, edge=edge))
    assert small.shape == (min(side, edge), min(side, edge), 3)
    wanted = np.asarray(Image.fromarray(large).resize(small.shape[:2], Image.Resampling.BOX)).astype(int)
    assert np.abs(small.astype(int) - wanted).mean() < 12
    np.testing.assert_array_equal(decoded(as_png(large)), large)


@pytest.mark.parametrize(
    ("sides", "place"),
    [((8, 4), 0), ((4, 8), 1), ((256, 128, 64), 1), ((128, 500), 0), ((127, 500), 1), ((64,), 0), ((129, 128), 1)],
)
def test_small_pictures_are_made_of_the_smallest_size_that_is_large_enough(sides: tuple[int, ...], place: int):
    assert place_of_thumbnails(sides) == place


def test_more_pictures_than_shards_are_kept_open_for_are_shown_alike(
    photos: Published, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dashboard.catalogue.MOST_OPEN", 3)
    catalogue = catalogue_of(photos.tiers)
    for number in range(0, 133, 9):
        np.testing.assert_array_equal(catalogue.pixels(number, 0), photos.images[8][number])


# ---- What is gone, and what must stay


def test_a_version_that_was_collected_meanwhile_is_told(photos: Published, tmp_path: Path):
    shutil.copytree(photos.tiers.slow, tmp_path / "slow")
    roots = Roots(tmp_path)
    base = f"/datasets/photos/1/pictures/{photos.version.identity[:16]}/0"
    with visitor_of(roots) as visitor:
        assert visitor.get("/datasets/photos/1/rows").status == 200
        assert visitor.get(f"{base}/0.png").status == 200
        shutil.rmtree(roots.folder("photos").objects)
        assert [visitor.get(path).status for path in ("/datasets/photos/1/rows/3", f"{base}/100.png")] == [503, 503]
        roots.folder("photos").version(1).unlink()
        for path in ("/datasets/photos/1/rows", f"{base}/0.png", "/datasets/photos?version=1", "/datasets/photos"):
            assert visitor.get(path).status in (404, 503), path
        assert "no version" in visitor.get("/datasets/photos?version=1").text


def test_a_table_that_is_not_the_published_one_is_told_with_what_to_do(photos: Published, tmp_path: Path):
    shutil.copytree(photos.tiers.slow, tmp_path / "slow")
    tiers = Tiers(tmp_path / "slow", tmp_path / "fast")
    path = tiers.authority("photos").objects / photos.version.table.name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedDataset, match=r"is not the table of rows .* Run: imagemill repair photos"):
        catalogue_of(tiers)


def test_a_picture_that_was_damaged_is_not_shown(photos: Published, tmp_path: Path):
    shutil.copytree(photos.tiers.slow, tmp_path / "slow")
    tiers = Tiers(tmp_path / "slow", tmp_path / "fast")
    path = tiers.authority("photos").objects / photos.object(0, 8).name
    content = path.read_bytes()
    at = content.index(photos.images[8][3].tobytes()[:64])
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(DamagedDataset, match="imagemill repair"):
        catalogue_of(tiers).pixels(3, 0)


def test_only_a_few_catalogues_are_kept(photos: Published):
    opened = []

    def open_rows(dataset: str, number: int) -> OpenVersion[Version]:
        opened.append(number)
        return open_version(photos.tiers, dataset, number=number, access="glance")

    catalogues = Catalogues(photos.tiers, open_rows)
    versions = [replace(photos.version, identity=f"{number:064x}") for number in range(6)]
    kept = [catalogues.of("photos", version) for version in versions]
    assert catalogues.of("photos", versions[5]) is kept[5]
    assert len(opened) == 6
    assert catalogues.of("photos", versions[0]) is not kept[0]
    assert len(opened) == 7


def test_looking_at_every_page_changes_nothing_below_either_root(roots: Roots):
    before = everything(roots)
    with visitor_of(roots) as visitor:
        for path in (*paths_of(roots), "/datasets/torn", "/datasets/photos?version=7"):
            visitor.get(path)
            assert everything(roots) == before, path


def test_what_is_read_ahead_leaves_no_trace_and_what_is_damaged_is_passed_over(
    roots: Roots, caplog: pytest.LogCaptureFixture
):
    before = everything(roots)
    Site(roots.tiers).read_ahead()
    assert everything(roots) == before
    assert "cannot be shown" not in caplog.text
    for table in roots.root.glob("*/photos/objects/rows*"):
        table.write_bytes(table.read_bytes()[:-1])
    Site(roots.tiers).read_ahead()
    assert re.search(r"cannot be shown: .*/photos/objects/rows.* imagemill repair photos", caplog.text)


def everything(roots: Roots) -> dict[Path, tuple[int, ...]]:
    """Return inode, size, mode, links and times of writing of all below both roots, the roots included.

    Not of pins, nor of the folders that they come and go in: words and search hold what they have mapped.
    """
    every = (path for path in (roots.root, *roots.root.rglob("*")) if "pins" not in path.parts)
    found = {path: path.lstat() for path in every}
    return {
        path: (stat.st_ino, stat.st_size, stat.st_mode, stat.st_nlink, stat.st_mtime_ns, stat.st_ctime_ns)
        for path, stat in found.items()
    }


def decoded(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
