"""A line of WordNet's data files says what wndb(5WN) says it does."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ops.wordnet_files import LEXICOGRAPHER_FILES, PARTS_OF_SPEECH, Synset, read_synsets
from tests.tasks.ops.wordnet_examples import DEBIAN, KENNEL, data_line, needs_wordnet, write_wordnet

KEYS = st.builds("{}{:08d}".format, st.sampled_from("nvar"), st.integers(0, 99_999_999))
LEMMAS = st.text(string.ascii_letters + string.digits + "_'.-/", min_size=1, max_size=12)
SYNSETS = st.builds(
    Synset,
    key=KEYS,
    lexicographer_file=st.sampled_from(LEXICOGRAPHER_FILES),
    lemmas=st.lists(LEMMAS, min_size=1, max_size=30).map(tuple),
    pointers=st.lists(st.tuples(st.sampled_from(["@", "~i", "#m", "%p", "+", ";c"]), KEYS), max_size=120).map(tuple),
    gloss=st.text(string.ascii_letters + ' ;"()|', max_size=40).map(str.strip),
)


@given(synset=SYNSETS)
def test_what_is_written_in_a_line_is_read_from_it(synset: Synset, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("wordnet")
    (folder / "data.noun").write_text("  1 licence  \n" + data_line(synset))
    assert list(read_synsets(folder, "noun")) == [synset]


def test_a_satellite_has_the_key_of_an_adjective_and_a_marker_is_no_part_of_a_lemma(tmp_path: Path):
    (tmp_path / "data.adj").write_text("00000123 00 s 01 galore(ip) 0 001 & 00000100 a 0000 | in great numbers  \n")
    expected = Synset("a00000123", "adj.all", ("galore",), (("&", "a00000100"),), "in great numbers")
    assert list(read_synsets(tmp_path, "adj")) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "00000123 05 n 01 dog 0 000 no gloss",
        "00000123 05 n 02 dog 0 000 | one lemma of two",
        "00000123 45 n 01 dog 0 000 | there are 45 lexicographer files",
        "00000123 05 n 01 dog 0 002 @ 00000100 n 0000 | one pointer of two",
        "00000123 05 n 01 dog 0 001 @ 00000100 | half a pointer",
    ],
)
def test_a_line_that_is_no_synset_is_named(line: str, tmp_path: Path):
    (tmp_path / "data.noun").write_text(f"  1 licence  \n{line}\n")
    with pytest.raises(ValueError, match=r"data\.noun, line 2: not a synset as wndb\(5WN\) describes it: '00000123"):
        list(read_synsets(tmp_path, "noun"))


def test_targets_are_those_of_the_symbols_asked_for(tmp_path: Path):
    dog = next(
        synset for synset in read_synsets(write_wordnet(tmp_path / "kennel", KENNEL), "noun") if "dog" in synset.lemmas
    )
    assert dog.targets("@", "@i") == ("n00000010",)
    assert dog.targets("~", "~i") == ("n00000030", "n00000040")


@needs_wordnet
def test_the_installed_wordnet_has_117659_synsets():
    counts = [sum(1 for _ in read_synsets(DEBIAN, part)) for part in PARTS_OF_SPEECH]
    assert counts == [82_115, 13_767, 18_156, 3_621]
