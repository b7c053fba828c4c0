from __future__ import annotations

import random
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from benchmarks.photos import photos
from storage.refused import Reason, Refusal
from tasks.ops.decode import DecodeLimits, decode_rgb
from tasks.ops.resize import resize_center_crop
from tests.oracles.conversions import encoded, plain_rgb, psnr

LIMITS = DecodeLimits()
SMALL = photos()["chelsea.png"].resize((48, 32))
FILES = {
    "baseline": encoded(SMALL, "JPEG", quality=90),
    "progressive": encoded(SMALL, "JPEG", quality=90, progressive=True),
    "grey": encoded(SMALL.convert("L"), "JPEG"),
    "cmyk": encoded(SMALL.convert("CMYK"), "JPEG"),
    "restarts": encoded(SMALL, "JPEG", restart_marker_blocks=2),
    "png": encoded(SMALL, "PNG"),
    "png with palette": encoded(SMALL.quantize(16), "PNG", transparency=3),
    "webp": encoded(SMALL, "WEBP"),
    "lossless webp": encoded(SMALL.convert("RGBA"), "WEBP", lossless=True),
    "bmp": encoded(SMALL, "BMP"),
    "gif": encoded(SMALL.quantize(64), "GIF"),
}
JPEGS = ["baseline", "progressive", "grey", "cmyk", "restarts"]


def refusal_of(data: bytes, limits: DecodeLimits = LIMITS) -> Refusal:
    verdict = decode_rgb(data, limits)
    assert isinstance(verdict, Refusal), f"expected a refusal, got {verdict}"
    return verdict


def image_of(data: bytes, *, shorter_side: int | None = None) -> Image.Image:
    image = decode_rgb(data, LIMITS, shorter_side=shorter_side)
    assert not isinstance(image, Refusal), image
    return image


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(FILES["baseline"])
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def with_scans_repeated(times: int) -> bytes:
    data = FILES["progressive"]
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * times + b"\xff\xd9"


# Good images --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}])
def test_a_real_photo_as_jpeg_has_the_pixels_of_plain_pillow(options: dict[str, int]):
    for name, photo in photos().items():
        data = encoded(photo, "JPEG", quality=88, **options)
        assert np.array_equal(np.asarray(image_of(data)), plain_rgb(data)), name


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("png with palette", "lossless webp")])
def test_every_format_has_the_pixels_of_plain_pillow(name: str):
    image = image_of(FILES[name])
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), plain_rgb(FILES[name]))


def test_a_decoded_jpeg_is_an_ordinary_image():
    image = image_of(FILES["baseline"])
    expected = plain_rgb(FILES["baseline"])
    assert np.array_equal(plain_rgb(encoded(image, "PNG")), expected)
    assert image.getpixel((0, 0)) == tuple(expected[0, 0])
    assert np.array_equal(np.asarray(image.convert("L")), np.asarray(Image.fromarray(expected).convert("L")))
    image.putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (1, 2, 3)


def test_the_file_name_plays_no_part_but_the_first_bytes_do():
    assert image_of(FILES["png"]).size == SMALL.size


@pytest.mark.parametrize("name", FILES)
def test_bytes_after_the_end_are_ignored(name: str):
    expected = np.asarray(image_of(FILES[name]))
    for tail in (b"\0" * 100, b"PK\x03\x04 an archive", FILES["baseline"]):
        assert np.array_equal(np.asarray(image_of(FILES[name] + tail)), expected)


def test_a_thumbnail_full_of_scan_markers_does_not_count_as_scans():
    data = FILES["progressive"]
    segment = b"\xff\xe1\x04\x02" + b"\xff\xda" * 512
    assert image_of(data[:2] + segment + data[2:]).size == SMALL.size


# Refused images -----------------------------------------------------------------------------------------


def test_an_empty_file_is_refused():
    assert refusal_of(b"") == Refusal(Reason.EMPTY, "expected an image, the file has 0 bytes")


@pytest.mark.parametrize("data", [b"\xff\xd8", b"II*\0" + bytes(60), b"<svg/>", b"%PDF-1.7", bytes(5000)])
def test_other_formats_are_refused(data: bytes):
    refusal = refusal_of(data)
    assert refusal.reason is Reason.UNKNOWN_FORMAT
    assert data[:4].hex(" ")[:11] in refusal.detail


def test_twelve_bit_jpeg_is_refused_as_unknown():
    data = bytearray(FILES["baseline"])
    data[data.index(b"\xff\xc0") + 4] = 12
    assert refusal_of(bytes(data)).reason is Reason.UNKNOWN_FORMAT


@pytest.mark.parametrize("factors", ["44", "41"])
def test_unusual_chroma_sampling_is_refused_as_unknown(factors: str):
    data = bytearray(FILES["baseline"])
    data[data.index(b"\xff\xc0") + 11] = int(factors, 16)
    assert refusal_of(bytes(data)).reason in (Reason.UNKNOWN_FORMAT, Reason.CORRUPT)


def test_a_four_four_one_jpeg_is_refused_as_unknown():
    data = bytearray(FILES["baseline"])
    data[data.index(b"\xff\xc0") + 11] = 0x14
    assert refusal_of(bytes(data)).reason is Reason.UNKNOWN_FORMAT


@pytest.mark.parametrize("data", [jpeg_claiming(13370, 13370), png_claiming(9000, 9000)])
def test_more_pixels_than_the_limit_are_refused_at_once(data: bytes):
    start = time.process_time()
    refusal = refusal_of(data)
    assert refusal.reason is Reason.TOO_MANY_PIXELS
    assert refusal.detail.startswith("expected at most 50000000 pixels, the header claims ")
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize("name", FILES)
def test_the_pixel_limit_holds_in_every_format(name: str):
    assert image_of(FILES[name]).size == (48, 32)
    assert not isinstance(decode_rgb(FILES[name], DecodeLimits(max_pixels=48 * 32)), Refusal)
    refusal = refusal_of(FILES[name], DecodeLimits(max_pixels=48 * 32 - 1))
    assert refusal.detail == "expected at most 1535 pixels, the header claims 48 by 32 = 1536"


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_pillows_own_bomb_check_neither_warns_nor_raises(side: int):
    refusal = refusal_of(png_claiming(side, side), DecodeLimits(max_pixels=10**9))
    assert refusal.reason in (Reason.TOO_MANY_PIXELS, Reason.CORRUPT, Reason.TRUNCATED)


def test_too_many_scans_are_refused():
    scans = FILES["progressive"].count(b"\xff\xda")
    assert isinstance(decode_rgb(FILES["progressive"], DecodeLimits(max_scans=scans)), Image.Image)
    refusal = refusal_of(FILES["progressive"], DecodeLimits(max_scans=scans - 1))
    assert refusal == Refusal(Reason.TOO_MANY_SCANS, f"expected at most {scans - 1} scans, the file has more")
    assert refusal_of(with_scans_repeated(100)).reason is Reason.TOO_MANY_SCANS


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_cut_anywhere_is_refused_as_truncated(name: str):
    data = FILES[name]
    verdicts = {refusal_of(data[:length]).reason for length in range(3, len(data))}
    assert verdicts == {Reason.TRUNCATED}


@pytest.mark.parametrize("name", [name for name in FILES if name not in JPEGS])
def test_any_other_file_cut_before_its_last_pixel_is_refused(name: str):
    data = FILES[name]
    # The padding of a BMP and the trailer of a GIF hold no pixel.
    whole = len(data) - (2 if name in ("bmp", "gif") else 0)
    verdicts = {refusal_of(data[:length]).reason for length in range(16, whole, 7)}
    assert verdicts <= {Reason.TRUNCATED, Reason.CORRUPT}
    assert Reason.TRUNCATED in verdicts


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_most_jpegs_with_zeroed_bytes_are_refused(options: dict[str, bool]):
    data = encoded(photos()["chelsea.png"], "JPEG", quality=90, **options)
    rng, refused = random.Random(0), 0
    for _ in range(60):
        at = rng.randrange(700, len(data) - 600)
        verdict = decode_rgb(data[:at] + bytes(512) + data[at + 512 :], LIMITS)
        refused += isinstance(verdict, Refusal) and verdict.reason is Reason.CORRUPT
    assert refused >= 42


def test_any_flipped_bit_of_a_png_is_refused():
    data = FILES["png"]
    rng = random.Random(0)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[rng.randrange(8, len(data))] ^= 1 << rng.randrange(8)
        assert refusal_of(bytes(damaged)).reason in (Reason.CORRUPT, Reason.TRUNCATED)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_are_refused(kind: str):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    refusal = refusal_of(data)
    assert refusal == Refusal(Reason.ANIMATED, f"{kind}: expected one frame, the file has more")


def test_too_little_memory_is_a_refusal(tmp_path: Path):
    image = tmp_path / "large.jpg"
    Image.new("L", (7000, 7000), 90).save(image)
    code = (
        "import resource, sys, pathlib\n"
        "from tasks.ops.decode import DecodeLimits, decode_rgb\n"
        "pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0])\n"
        "room = pages * resource.getpagesize() + 100_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (room, room))\n"
        "print(decode_rgb(pathlib.Path(sys.argv[1]).read_bytes(), DecodeLimits()).reason)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(image)], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "too-much-memory", run.stderr


def test_details_do_not_change_from_run_to_run():
    for data in (b"BM" + bytes(60), b"GIF89a" + bytes(9), FILES["webp"][:30], FILES["png"][:-20]):
        assert refusal_of(data) == refusal_of(bytes(bytearray(data)))
        assert "0x" not in refusal_of(data).detail


# Totality -----------------------------------------------------------------------------------------------


def mutated(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(damaged) if rng.random() < 0.6 else min(len(damaged), 200))
        change = rng.randrange(5)
        if change == 0:
            damaged[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            damaged[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF])
        elif change == 2:
            damaged[at : at + 16] = bytes(16)
        elif change == 3:
            damaged[at:at] = rng.randbytes(rng.randrange(1, 20))
        else:
            del damaged[at : at + rng.randrange(1, 40)]
    return bytes(damaged)


@pytest.mark.parametrize("name", FILES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=2000)
def test_any_mutation_gives_an_image_or_a_refusal(name: str, seed: int):
    limits = DecodeLimits(max_pixels=1_000_000)
    verdict = decode_rgb(mutated(FILES[name], random.Random(seed)), limits)
    if isinstance(verdict, Refusal):
        assert verdict.reason in Reason
        assert verdict.detail
    else:
        assert verdict.mode == "RGB"
        assert verdict.width * verdict.height <= limits.max_pixels


@given(
    magic=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\x40\0\0\0WEBPVP8X"]),
    body=st.binary(max_size=300),
)
@settings(max_examples=300, deadline=2000)
def test_any_bytes_after_a_known_beginning_give_an_answer(magic: bytes, body: bytes):
    assert isinstance(decode_rgb(magic + body, DecodeLimits(max_pixels=10**6)), Refusal | Image.Image)


@pytest.mark.parametrize("filler", [b"\xff", b"\xff\xda", b"\xff\xd0", b"\xff\x00", b"\xff\xe0\x00\x02"])
def test_a_megabyte_of_markers_takes_little_time(filler: bytes):
    start = time.process_time()
    assert isinstance(decode_rgb(FILES["progressive"][:-2] + filler * (2**20 // len(filler)), LIMITS), Refusal)
    assert isinstance(decode_rgb(b"\xff\xd8" + filler * (2**20 // len(filler)), LIMITS), Refusal)
    assert time.process_time() - start < 2


def test_decoding_leaves_the_settings_of_the_process_alone():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    for data in (*FILES.values(), *(data[: len(data) // 2] for data in FILES.values())):
        decode_rgb(data, LIMITS)
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_threads_that_decode_together_leave_the_warning_filters_alone():
    before = list(warnings.filters)
    work = [threading.Thread(target=lambda: [decode_rgb(FILES["png"], LIMITS) for _ in range(50)]) for _ in "1234"]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert list(warnings.filters) == before


# Fast fidelity ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [72, 224, 288])
def test_fast_decoding_keeps_the_shorter_side_and_stays_close(side: int):
    for name, photo in photos().items():
        data = encoded(photo, "JPEG", quality=92)
        scaled, full = image_of(data, shorter_side=side), image_of(data)
        assert min(scaled.size) >= min(side, min(photo.size)), name
        error = psnr(resize_center_crop(scaled, side), resize_center_crop(full, side))
        assert error > 36, f"{name}: {error:.1f} dB"
        if scaled.size == full.size:
            assert np.array_equal(np.asarray(scaled), np.asarray(full)), name


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(741, 500), (333, 452), (1001, 303)])
def test_fast_decoding_of_turned_photos_is_not_shifted(orientation: int, size: tuple[int, int]):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photos()["china.jpg"].resize(size), "JPEG", quality=92, exif=exif.tobytes())
    scaled, full = image_of(data, shorter_side=72), image_of(data)
    assert min(scaled.size) < min(full.size)
    closeness = psnr(resize_center_crop(scaled, 72), resize_center_crop(full, 72))
    assert closeness > 35  # 26 to 31 dB where the extent is ignored


def test_fast_decoding_of_a_very_long_jpeg_is_not_shifted():
    strip = Image.fromarray(np.tile(np.asarray(photos()["china.jpg"].resize((300, 165))), (1, 41, 1)))
    data = encoded(strip, "JPEG", quality=92)
    scaled, full = image_of(data, shorter_side=72), image_of(data)
    assert scaled.size == (6150, 83)
    closeness = psnr(resize_center_crop(scaled, 72), resize_center_crop(full, 72))
    assert closeness > 36
    # Beyond 8192 scaled pixels the square is computed alone, from the same extent.
    alone, whole = resize_center_crop(scaled, 111), resize_center_crop(scaled, 110)
    assert psnr(np.asarray(Image.fromarray(whole).resize((111, 111))), alone) > 30


def test_fast_decoding_shrinks_a_large_photo():
    data = encoded(photos()["retina.jpg"], "JPEG")
    assert min(image_of(data, shorter_side=224).size) < min(image_of(data).size) / 2


@pytest.mark.parametrize("name", JPEGS)
def test_fast_decoding_is_as_strict(name: str):
    data = FILES[name]
    verdicts = [decode_rgb(data[:length], LIMITS, shorter_side=8) for length in range(3, len(data), 5)]
    assert {getattr(verdict, "reason", "image") for verdict in verdicts} == {Reason.TRUNCATED}


@pytest.mark.parametrize("name", [name for name in FILES if name not in JPEGS])
def test_fast_decoding_leaves_other_formats_whole(name: str):
    assert image_of(FILES[name], shorter_side=8).size == SMALL.size


def test_the_documentation_explains_every_reason():
    text = Path("docs/refusals.md").read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in text] == []
