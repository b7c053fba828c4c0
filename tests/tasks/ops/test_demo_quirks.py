"""Every kind of odd and broken file is in the demonstration set, in its share, and is what its name says."""

from __future__ import annotations

import io
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tasks.ops.demo_images import rendered
from tasks.ops.demo_quirks import REASONS, SHARES, Quirk, quirk_of
from tasks.ops.demo_spec import DemoSpec
from tasks.ops.emoji_font import find_emoji_font

DEFAULT = DemoSpec()
SMALL = DemoSpec(scale="small")


def quirks(spec: DemoSpec) -> list[Quirk]:
    return [quirk_of(spec, *spec.place_of(number)) for number in range(spec.total)]


@cache
def file_with(quirk: Quirk, *, full: bool = False) -> bytes:
    spec = DEFAULT if full else SMALL
    number = quirks(spec).index(quirk)
    return rendered(spec, *spec.place_of(number), font=find_emoji_font()).content


def opened(quirk: Quirk) -> Image.Image:
    image = Image.open(io.BytesIO(file_with(quirk)))
    image.load()
    return image


def markers(jpeg: bytes) -> list[int]:
    """The markers of a JPEG in file order, read from its bytes alone."""
    return [after for before, after in pairwise(jpeg) if before == 0xFF and after not in (0, 0xFF)]


@given(seed=st.integers(0, 2**40))
def test_the_default_set_of_any_seed_holds_every_kind(seed: int):
    assert set(quirks(DemoSpec(seed=seed))) == set(Quirk)


@given(classes=st.integers(1, 525), each=st.integers(1, 12), seed=st.integers(0, 99))
def test_broken_files_stay_below_the_limit_at_which_nothing_is_published(classes: int, each: int, seed: int):
    spec = DemoSpec(classes, each, seed=seed)
    broken = sum(quirk in REASONS for quirk in quirks(spec))
    assert broken <= 0.008 * spec.total
    assert broken >= (2 if spec.total >= 250 else 0)


def test_a_large_set_has_one_broken_file_in_250():
    counts = Counter(quirks(DemoSpec(500, 60)))
    assert sum(counts[quirk] for quirk in REASONS) == 120
    assert all(counts[quirk] == 20 for quirk in REASONS)


def test_odd_but_sound_files_have_their_shares():
    counts = Counter(quirks(DemoSpec(500, 60)))
    for quirk, share in SHARES.items():
        assert counts[quirk] == pytest.approx(share * 30, rel=0.05, abs=2)


def test_quirks_depend_on_the_seed():
    assert quirks(DEFAULT) != quirks(DemoSpec(seed=1))


def test_plain_files_are_baseline_rgb_jpegs():
    data = file_with(Quirk.NONE)
    assert opened(Quirk.NONE).mode == "RGB"
    assert 0xC0 in markers(data)
    assert 0xC2 not in markers(data)


def test_progressive_files_are_progressive():
    assert 0xC2 in markers(file_with(Quirk.PROGRESSIVE))
    assert opened(Quirk.PROGRESSIVE).info["progressive"] == 1


@pytest.mark.parametrize(
    ("quirk", "format_", "mode"),
    [
        (Quirk.GREY, "JPEG", "L"),
        (Quirk.CMYK, "JPEG", "CMYK"),
        (Quirk.PNG, "PNG", "RGB"),
        (Quirk.PNG_ALPHA, "PNG", "RGBA"),
        (Quirk.PNG_PALETTE, "PNG", "P"),
        (Quirk.PNG_16_BIT, "PNG", "I;16"),
    ],
)
def test_format_and_mode_are_those_of_the_quirk(quirk: Quirk, format_: str, mode: str):
    image = opened(quirk)
    assert (image.format, image.mode) == (format_, mode)


def test_cmyk_files_are_adobes_and_use_all_four_inks():
    data = file_with(Quirk.CMYK)
    assert data[data.index(b"\xff\xee") + 4 :].startswith(b"Adobe")
    inks = np.asarray(opened(Quirk.CMYK))
    assert all(inks[:, :, ink].std() > 5 for ink in range(4))


def test_transparent_files_really_are_so_in_places():
    assert opened(Quirk.PNG_ALPHA).getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize(
    ("quirk", "orientation"), [(Quirk.ORIENTATION_3, 3), (Quirk.ORIENTATION_6, 6), (Quirk.ORIENTATION_8, 8)]
)
def test_turned_files_are_upright_for_a_viewer_that_obeys_exif(quirk: Quirk, orientation: int):
    # The same picture with the orientation of a plain file: another set, whose deck gives that place no quirk.
    spec = SMALL
    place = next(spec.place_of(n) for n in range(spec.total) if quirk_of(spec, *spec.place_of(n)) is quirk)
    other = next(
        DemoSpec(spec.classes, each, "small")
        for each in range(7, 40)
        if quirk_of(DemoSpec(spec.classes, each, "small"), *place) is Quirk.NONE
    )
    turned = Image.open(io.BytesIO(rendered(spec, *place, font=find_emoji_font()).content))
    plain = Image.open(io.BytesIO(rendered(other, *place, font=find_emoji_font()).content))
    assert turned.getexif()[0x0112] == orientation
    upright = ImageOps.exif_transpose(turned)
    assert upright.size == plain.size
    difference = np.asarray(upright, dtype=float) - np.asarray(plain, dtype=float)
    assert np.abs(difference).mean() < 4
    flipped = np.asarray(upright.rotate(180), dtype=float) - np.asarray(plain, dtype=float)
    assert np.abs(flipped).mean() > 8


@pytest.mark.parametrize("full", [False, True])
def test_truncated_files_lack_their_end_and_libjpeg_says_so(full: bool):
    data = file_with(Quirk.TRUNCATED, full=full)
    assert not data.endswith(b"\xff\xd9")
    with pytest.raises(ValueError, match="Premature end"):
        simplejpeg.decode_jpeg(data, strict=True)


@pytest.mark.parametrize("full", [False, True])
def test_corrupt_files_are_complete_and_libjpeg_complains_of_them(full: bool):
    data = file_with(Quirk.CORRUPT, full=full)
    assert data.endswith(b"\xff\xd9")
    with pytest.raises(ValueError, match="Corrupt JPEG data: premature end of data segment"):
        simplejpeg.decode_jpeg(data, strict=True)


def test_all_other_jpegs_pass_a_strict_decode():
    for quirk in (Quirk.NONE, Quirk.PROGRESSIVE, Quirk.GREY, Quirk.ORIENTATION_3, Quirk.ORIENTATION_6):
        simplejpeg.decode_jpeg(file_with(quirk), strict=True)


def test_empty_files_are_empty_and_web_pages_are_text():
    assert file_with(Quirk.EMPTY) == b""
    assert file_with(Quirk.WEB_PAGE).decode("ascii").startswith("<!DOCTYPE html>")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pixel_bombs_are_small_and_claim_much():
    data = file_with(Quirk.PIXEL_BOMB)
    assert len(data) < 20_000
    width, height = Image.open(io.BytesIO(data)).size
    assert width * height > 50_000_000


def test_scan_bombs_have_more_than_64_scans_in_a_small_progressive_file():
    data = file_with(Quirk.SCAN_BOMB)
    assert len(data) < 100_000
    assert 0xC2 in markers(data)
    assert markers(data).count(0xDA) > 64


def test_the_picture_does_not_depend_on_the_size_of_the_set():
    font: Path = find_emoji_font()
    few, many = DemoSpec(10, 2, "small"), DemoSpec(20, 2, "small")
    plain = [(c, i) for c in range(10) for i in range(2) if quirk_of(few, c, i) is quirk_of(many, c, i) is Quirk.NONE]
    assert len(plain) >= 10
    for place in plain:
        assert rendered(few, *place, font=font) == rendered(many, *place, font=font)
