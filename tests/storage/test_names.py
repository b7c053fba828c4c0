"""Names: any path as text, and back."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import example, given
from hypothesis import strategies as st

from storage.names import escaped, row_id, row_ids, unescaped

PATHS = st.one_of(
    st.binary(min_size=1).map(lambda path: path.replace(b"\0", b"/")),
    st.text(min_size=1).map(lambda path: path.encode("utf-8", "surrogatepass").replace(b"\0", b"/")),
    st.lists(st.sampled_from([b"\\", b"x", b"5c", b"\\x5c", b"\xff", b"\xc3", b"\xa9", b"/", b"\n", b"u"])).map(
        b"".join
    ),
)


@given(PATHS)
@example(b"n01440764/n01440764_10026.JPEG")
@example(b"\\x5c")
@example(b"\\xzz\\")
@example(b"latin-1 \xe9")
@example("ﬁ\u2028\u200b\u202e\ufeff é 🐟".encode())
@example(b"\xed\xa0\x80")
def test_any_path_comes_back_to_the_same_bytes(path: bytes):
    assert unescaped(escaped(path)) == path


@given(PATHS)
def test_an_escaped_path_holds_no_control_character_and_survives_json(path: bytes):
    name = escaped(path)
    assert json.loads(json.dumps(name)) == name
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)
    turning = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    assert not any(unicodedata.bidirectional(character) in turning for character in name)


@given(PATHS, PATHS)
def test_two_paths_never_share_a_name(one: bytes, other: bytes):
    assert (escaped(one) == escaped(other)) == (one == other)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"a/b.jpg", "a/b.jpg"),
        ("größe 🐟.jpg".encode(), "größe 🐟.jpg"),
        (b"a\\b", "a\\x5cb"),
        (b"a\nb\x1b[31m", "a\\x0ab\\x1b[31m"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egpj".encode(), "\\xe2\\x80\\xaegpj"),
    ],
)
def test_escapes_are_those_that_the_format_document_shows(path: bytes, name: str):
    assert escaped(path) == name


def test_an_id_is_the_beginning_of_the_hash_of_the_name():
    assert row_id("größe.jpg") == int(blake3("größe.jpg".encode()).hexdigest()[:16], 16)
    ids = row_ids(["a", "b", "a"])
    assert ids.dtype == np.uint64
    assert ids.tolist() == [row_id("a"), row_id("b"), row_id("a")]
    assert row_ids([]).shape == (0,)
