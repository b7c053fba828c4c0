"""Files of word2vec: what gensim reads, we read; what is cut off or spoilt is named with its record and its byte."""

from __future__ import annotations

import gzip
import re
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tasks.ops.word2vec_files import MOST_WORD_BYTES, open_word2vec

Vectors = NDArray[np.float32]


def binary(words: list[bytes], vectors: Vectors, *, end: bytes = b"") -> bytes:
    rows = vectors.astype("<f4")
    head = b"%d %d\n" % vectors.shape
    return head + b"".join(word + b" " + row.tobytes() + end for word, row in zip(words, rows, strict=True))


def lines(words: list[bytes], vectors: Vectors, *, end: bytes = b"\n") -> bytes:
    head = b"%d %d\n" % vectors.shape
    texts = (" ".join(repr(float(number)) for number in row).encode() for row in vectors)
    return head + b"".join(word + b" " + text + end for word, text in zip(words, texts, strict=True))


LAYOUTS: dict[str, Callable[[list[bytes], Vectors], bytes]] = {
    "binary": binary,
    "binary with line breaks": lambda words, vectors: binary(words, vectors, end=b"\n"),
    "binary, gzipped": lambda words, vectors: gzip.compress(binary(words, vectors), 1),
    "text": lines,
    "text with spaces at the end, as fastText": lambda words, vectors: lines(words, vectors, end=b" \n"),
    "text from Windows": lambda words, vectors: lines(words, vectors, end=b"\r\n"),
    "text, gzipped": lambda words, vectors: gzip.compress(lines(words, vectors), 1),
}


def random_vectors(count: int, dimensions: int, *, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


def read(path: Path) -> tuple[list[str], Vectors]:
    file = open_word2vec(path)
    blocks = list(file.blocks())
    words = [word for block, _ in blocks for word in block]
    return words, np.concatenate([np.empty((0, file.dimensions), np.float32), *(vectors for _, vectors in blocks)])


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "vectors"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("layout", LAYOUTS)
def test_words_and_vectors_are_those_that_gensim_reads(layout: str, tmp_path: Path):
    from gensim.models import KeyedVectors

    # More than one buffer of binary numbers, so records lie across the seams.
    count = 3000 if "binary" in layout else 300
    words = ["größe_Łódź_東京_e\u0301"[: i % 15] + str(i) for i in range(count)]
    path = tmp_path / ("vectors.gz" if "gzipped" in layout else "vectors")
    path.write_bytes(LAYOUTS[layout]([word.encode() for word in words], random_vectors(count, 300)))
    theirs = KeyedVectors.load_word2vec_format(str(path), binary="binary" in layout)
    found, vectors = read(path)
    assert found == theirs.index_to_key == words
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, theirs.vectors)


def test_a_file_that_gensim_wrote_is_read(tmp_path: Path):
    from gensim.models import KeyedVectors

    kept = KeyedVectors(7)
    kept.add_vectors(["</s>", "golden_retriever", "é"], random_vectors(3, 7))
    for binary_too in (True, False):
        kept.save_word2vec_format(str(tmp_path / "vectors"), binary=binary_too)
        words, vectors = read(tmp_path / "vectors")
        assert words == kept.index_to_key
        np.testing.assert_array_equal(vectors, kept.vectors)


WORDS = st.lists(
    st.binary(min_size=1, max_size=20).map(lambda word: word.translate(None, b" \t\n\r\v\f")).filter(bool), max_size=8
)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def words_and_vectors(draw: st.DrawFn) -> tuple[list[bytes], Vectors]:
    words = draw(WORDS)
    return words, draw(arrays(np.float32, (len(words), draw(st.integers(1, 5))), elements=NUMBERS))


@given(words_and_vectors(), st.sampled_from(sorted(LAYOUTS)))
def test_any_words_and_numbers_come_back_to_the_bit(one: tuple[list[bytes], Vectors], layout: str):
    words, vectors = one
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(LAYOUTS[layout](words, vectors))
        # A single number such as b"1.00" may lie in memory as it would stand in a text; nobody has vectors like that.
        assume(not words or open_word2vec(path).layout == layout.partition(" ")[0].strip(","))
        found, numbers = read(path)
    assert [word.encode("utf-8", "surrogateescape") for word in found] == words
    assert numbers.tobytes() == vectors.tobytes()


def test_bytes_that_are_no_utf8_are_kept(written: Callable[[bytes], Path]):
    found, _ = read(written(binary([b"caf\xe9", b"\xc3", b"\xa9t\xe9"], random_vectors(3, 2))))
    assert found == ["caf\udce9", "\udcc3", "\udca9t\udce9"]


def test_a_file_is_read_in_memory_that_does_not_grow_with_it(written: Callable[[bytes], Path]):
    path = written(binary([b"w%d" % i for i in range(25_000)], random_vectors(25_000, 300)))
    tracemalloc.start()
    try:
        assert sum(len(words) for words, _ in open_word2vec(path).blocks()) == 25_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000 < path.stat().st_size / 2
    finally:
        tracemalloc.stop()


# ---- What is cut off


@pytest.mark.parametrize("layout", ["binary", "binary, gzipped"])
def test_wherever_a_binary_file_is_cut_off_it_is_refused(layout: str, written: Callable[[bytes], Path]):
    whole = LAYOUTS[layout]([b"dog", b"cat", b"</s>"], random_vectors(3, 5))
    for end in range(len(whole)):
        with pytest.raises(
            ValueError, match=r"first line|(after )?record [123].*, at (unpacked )?byte \d+: expected .*, found"
        ):
            read(written(whole[:end]))


def test_wherever_a_text_is_cut_off_before_its_last_number_it_is_refused(written: Callable[[bytes], Path]):
    whole = lines([b"dog", b"cat", b"</s>"], random_vectors(3, 5))
    for end in range(whole.rindex(b" ") + 1):
        with pytest.raises(ValueError, match=r"first line|(after )?record [123].*, at byte \d+: expected .*, found"):
            read(written(whole[:end]))


def test_the_record_that_is_cut_off_is_named_with_its_byte_and_what_is_left_of_it(written: Callable[[bytes], Path]):
    words = [b"a" * 90, b"b" * 90, b"c"]
    whole = binary(words, random_vectors(3, 5))
    path = written(whole[:-3])
    said = "record 3 of 3, at byte 226: expected a word, a space and 20 bytes, found 19 bytes and the end of the file"
    with pytest.raises(ValueError, match=re.escape(f"{path}: {said}. Fetch the file again")):
        read(path)
    said = (
        "record 3 of 3, at unpacked byte 226: .* found .* the end of the file .*ended before the end-of-stream marker"
    )
    with pytest.raises(ValueError, match=said):
        read(written(gzip.compress(whole)[:-12]))


def test_a_first_line_that_promises_too_much_is_refused_before_any_memory_is_taken(written: Callable[[bytes], Path]):
    path = written(b"999999999999999 300\ndog " + bytes(1200))
    with pytest.raises(
        ValueError, match=r"expected at least 1,200,999,999,999,998,819 bytes, found 1,224; record 2 at"
    ):
        open_word2vec(path)
    packed = written(gzip.compress(b"999999999999999 65536\ndog " + bytes(1200)))
    with pytest.raises(ValueError, match=r"record 1 of 999,999,999,999,999, at unpacked byte 22: .* found 1,204 bytes"):
        read(packed)


# ---- What is spoilt

DOGS = random_vectors(2, 3)
NOT_FINITE = np.array([[1, 2, 3], [4, np.nan, 6]], np.float32)
HUGE = np.array([[3e38, 3e38, 3e38], [-3e38, -3e38, 1]], np.float32)
SPOILT = {
    "no first line": (b"dog 1 2 3\ncat 4 5 6\n", r"expected a first line .*'3000000 300', found b'dog 1 2 3.*GloVe"),
    "nothing": (b"", "expected a first line .* found b''"),
    "no dimension": (b"1 0\ndog \n", "expected 1 to 65,536 dimensions at byte 0, found 0"),
    "too many dimensions": (b"1 65537\n", "found 65,537"),
    "a line break in a word": (binary([b"dog", b"c\nat"], DOGS), r"record 2 of 2, at byte 20: .* found b'c\\nat '"),
    "a word without end": (
        binary([b"dog", b"c" * MOST_WORD_BYTES], DOGS),
        "record 2 of 2, at byte 20: expected a word of less than 1,024 bytes .* found b'cccccccccccccccccc.*…",
    ),
    "no space at all": (b"9 3\n" + b"c" * 5_000_000, "record 1 of 9, at byte 4: expected a word of less than 1,024"),
    "nothing but line breaks": (b"9 3\n" + b"\n" * 5_000_000, "record 1 of 9, at byte 4: expected a word, a space"),
    "no number": (binary([b"dog", b"cat"], NOT_FINITE), "record 2 of 2, at byte 20: expected finite .* nan .* 'cat'"),
    "too much": (
        binary([b"dog", b"cat"], DOGS) + b"\nbird",
        r"after record 2, the last, at byte 37: expected the end of the file, found b'bird'",
    ),
    "no number in text": (lines([b"dog", b"cat"], NOT_FINITE), "record 2 of 2, at byte 20: expected finite numbers"),
    "a number too many": (b"2 2\ndog 1 2\ncat 1 2 3\n", "record 2 of 2, at byte 12: .* found b'cat' and 3 numbers"),
    "a number too few": (b"2 2\ndog 1 2\ncat 1\n", "record 2 of 2, at byte 12: .* found b'cat' and 1 numbers"),
    "numbers too few": (b"1 3\ndog 1 2\n", "record 1 of 1, at byte 4: .* found b'dog' and 2 numbers"),
    "two spaces": (b"2 2\ndog 1 2\ncat 1  2\n", "record 2 of 2, at byte 12: .* found b'' for a number"),
    "a word for a number": (b"2 2\ndog 1 2\ncat 1 x\n", "record 2 of 2, .* and 2 numbers, .* found b'x' for a number"),
    "a blank line": (b"2 2\ndog 1 2\n\ncat 1 2\n", "record 2 of 2, at byte 12: .* found b'' and 0 numbers"),
    "a line too many": (
        b"1 2\ndog 1 2\ncat 1 2\n",
        "at byte 12: expected the end of the file, found b'cat 1 2",
    ),
    "a line too long": (
        b"2 2\ndog 1 2\n" + b"c" * 2000 + b" 1 2\n",
        "record 2 of 2, at byte 12: .* found b'ccc.*… and 0 numbers",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_spoilt_is_refused_with_its_record_its_byte_and_what_was_expected(
    how: str, written: Callable[[bytes], Path]
):
    content, said = SPOILT[how]
    with pytest.raises(ValueError, match=said):
        read(written(content))


def test_huge_numbers_and_every_way_of_writing_one_are_read(written: Callable[[bytes], Path]):
    np.testing.assert_array_equal(read(written(binary([b"a", b"b"], HUGE)))[1], HUGE)
    np.testing.assert_array_equal(read(written(b"1 3\ndog +1 1_0 .5e1\n"))[1], [[1, 10, 5]])


def test_a_flipped_bit_in_gzipped_data_is_refused(written: Callable[[bytes], Path]):
    content = bytearray(gzip.compress(binary([b"dog", b"cat"], DOGS)))
    content[-6] ^= 1
    with pytest.raises(ValueError, match=r"after record 2, the last, .* found CRC check failed"):
        read(written(bytes(content)))


def test_numbers_that_begin_like_a_line_of_text_are_still_numbers(written: Callable[[bytes], Path]):
    vectors = np.frombuffer(b"1\n\0\0" + bytes(8), "<f4")[None]
    np.testing.assert_array_equal(read(written(binary([b"dog"], vectors)))[1], vectors)


def test_a_file_may_hold_no_word_at_all(written: Callable[[bytes], Path]):
    assert read(written(b"0 300\n"))[0] == []
