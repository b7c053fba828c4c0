"""Files of word2vec: what gensim reads, we read; what is cut off or spoilt is named with its record and its byte."""

from __future__ import annotations

import gzip
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.ops.word2vec_files import open_word2vec
from tasks.ops.word2vec_stream import MOST_WORD_BYTES
from tests.tasks.ops.word2vec_contents import LAYOUTS, Vectors, binary, lines, random_vectors, read, written


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


def test_bytes_that_are_no_utf8_are_kept(tmp_path: Path):
    found, _ = read(written(tmp_path, binary([b"caf\xe9", b"\xc3", b"\xa9t\xe9"], random_vectors(3, 2))))
    assert found == ["caf\udce9", "\udcc3", "\udca9t\udce9"]


def test_a_file_is_read_in_memory_that_does_not_grow_with_it(tmp_path: Path):
    path = written(tmp_path, binary([b"w%d" % i for i in range(25_000)], random_vectors(25_000, 300)))
    tracemalloc.start()
    try:
        assert sum(len(words) for words, _ in open_word2vec(path).blocks()) == 25_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000 < path.stat().st_size / 2
    finally:
        tracemalloc.stop()


def test_a_first_line_that_promises_too_much_is_refused_before_any_memory_is_taken(tmp_path: Path):
    path = written(tmp_path, b"999999999999999 300\ndog " + bytes(1200))
    with pytest.raises(
        ValueError, match=r"expected at least 1,200,999,999,999,998,819 bytes, found 1,224; record 2 at"
    ):
        open_word2vec(path)
    packed = written(tmp_path, gzip.compress(b"999999999999999 65536\ndog " + bytes(1200)))
    with pytest.raises(ValueError, match=r"record 1 of 999,999,999,999,999, at unpacked byte 22: .* found 1,204 bytes"):
        read(packed)


# ---- What is spoilt

DOGS = random_vectors(2, 3)
NOT_FINITE = np.array([[1, 2, 3], [4, np.nan, 6]], np.float32)
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
def test_what_is_spoilt_is_refused_with_its_record_its_byte_and_what_was_expected(how: str, tmp_path: Path):
    content, said = SPOILT[how]
    with pytest.raises(ValueError, match=said):
        read(written(tmp_path, content))


def test_numbers_that_begin_like_a_line_of_text_are_still_numbers(tmp_path: Path):
    vectors = np.frombuffer(b"1\n\0\0" + bytes(8), "<f4")[None]
    np.testing.assert_array_equal(read(written(tmp_path, binary([b"dog"], vectors)))[1], vectors)


def test_a_file_may_hold_no_word_at_all(tmp_path: Path):
    assert read(written(tmp_path, b"0 300\n"))[0] == []
