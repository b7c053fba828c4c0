"""The matching policy: which word stands for which noun, written out by hand, and the same in a file of 200,000."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from storage.word_vectors import WordVectors, create_word_vectors, open_word_vectors
from tasks.ops.word2vec_files import open_word2vec
from tasks.ops.word_rules import (
    BORROWING,
    MOST_NAMED,
    POLICY,
    UNMATCHED,
    Match,
    coverage,
    match,
    match_all,
    without_own_vector,
)


@dataclass(frozen=True)
class Synset:
    wnid: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...] = ()


KNOWN = (
    "of",  # 0
    "dog",  # 1
    "Retriever",  # 2
    "retriever",  # 3
    "Golden_Retriever",  # 4
    "golden_retriever",  # 5
    "DOG",  # 6
    "Polish",  # 7
    "polish",  # 8
    "Eiffel_tower",  # 9
    "EIFFEL_TOWER",  # 10
    "UNESCO",  # 11
    "iPhone",  # 12
    "IPHONE",  # 13
    "jack-in-the-box",  # 14
    "merry_go_round",  # 15
    "icecream",  # 16
    "St_Bernard",  # 17
    "bird",  # 18
    "prey",  # 19
    "größe",  # 20
    "Łódź",  # 21
    "dog",  # 22, again: the first counts
    "animal",  # 23
    "genus",  # 24
    "American",  # 25
    "white",  # 26
    "747",  # 27
    "caf\udce9",  # 28, a byte that is no UTF-8
    "Cat",  # 29
    "CAT",  # 30
)

NOUNS = {
    synset.wnid: synset
    for synset in (
        Synset("animal", ("animal", "beast")),
        Synset("retriever", ("retriever",), ("dog",)),
        Synset("dog", ("dog", "domestic_dog"), ("animal",)),
        Synset("labrador", ("Labrador_retriever",), ("retriever",)),
        Synset("taxon", ("taxon",), ("loop",)),
        Synset("loop", ("loop",), ("taxon",)),
    )
}

TABLE: list[tuple[tuple[str, ...], tuple[str, ...], Match | None]] = [
    # exact phrase
    (("golden_retriever", "dog"), (), Match("exact phrase", ("golden_retriever",), (5,))),
    (("dog",), (), Match("exact phrase", ("dog",), (1,))),
    (("Polish",), (), Match("exact phrase", ("Polish",), (7,))),
    (("polish",), (), Match("exact phrase", ("polish",), (8,))),
    (("größe",), (), Match("exact phrase", ("größe",), (20,))),
    (("caf\udce9",), (), Match("exact phrase", ("caf\udce9",), (28,))),
    # case variant
    (("Golden_retriever",), (), Match("case variant", ("golden_retriever",), (5,))),
    (("Dog",), (), Match("case variant", ("dog",), (1,))),
    (("eiffel_Tower",), (), Match("case variant", ("Eiffel_tower",), (9,))),
    (("unesco",), (), Match("case variant", ("UNESCO",), (11,))),
    (("cat",), (), Match("case variant", ("Cat",), (29,))),
    (("iphone",), (), Match("case variant", ("IPHONE",), (13,))),
    (("Iphone",), (), Match("case variant", ("IPHONE",), (13,))),
    (("GRÖßE",), (), Match("case variant", ("größe",), (20,))),
    (("łódź",), (), Match("case variant", ("Łódź",), (21,))),
    (("JACK-in-the-Box",), (), Match("case variant", ("jack-in-the-box",), (14,))),
    # other lemma
    (("hound", "dog"), (), Match("other lemma", ("dog",), (1,))),
    (("hound", "GOLDEN_RETRIEVER"), (), Match("other lemma", ("golden_retriever",), (5,))),
    (("hound", "whelp", "unesco", "dog"), (), Match("other lemma", ("UNESCO",), (11,))),
    # hyphen or spacing
    (("jack_in_the_box",), (), Match("hyphen or spacing", ("jack-in-the-box",), (14,))),
    (("merry-go-round",), (), Match("hyphen or spacing", ("merry_go_round",), (15,))),
    (("ice_cream",), (), Match("hyphen or spacing", ("icecream",), (16,))),
    (("ice-cream",), (), Match("hyphen or spacing", ("icecream",), (16,))),
    (("St._Bernard",), (), Match("hyphen or spacing", ("St_Bernard",), (17,))),
    (("frozen_dessert", "Ice-Cream"), (), Match("hyphen or spacing", ("IceCream",), (16,))),
    # head word
    (("Labrador_retriever",), (), Match("head word", ("retriever",), (3,))),
    (("bird_of_prey",), (), Match("head word", ("bird",), (18,))),
    (("wild-dog",), (), Match("head word", ("dog",), (1,))),
    (("white_cat",), (), Match("head word", ("cat",), (29,))),
    # mean of parts
    (("white_animal_zzz",), (), Match("mean of parts", ("white", "animal"), (26, 23))),
    (("american_prey_of_zzz_747",), (), Match("head word", ("prey",), (19,))),
    (("american_zzz_747",), (), Match("mean of parts", ("american", "747"), (25, 27))),
    (("zzz_yyy", "zzz_of_the_white_dog"), (), Match("mean of parts", ("white", "dog"), (26, 1))),
    # hypernym
    (("genus_Zzz",), ("animal",), Match("hypernym", ("animal",), (23,))),
    (("zzz",), ("labrador",), Match("hypernym", ("retriever",), (3,))),
    (("zzz",), ("taxon", "retriever"), Match("hypernym", ("retriever",), (3,))),
    (("zzz",), ("absent", "dog"), Match("hypernym", ("dog",), (1,))),
    # none
    (("zzz",), ("taxon",), None),
    (("zzz_of_prey",), (), None),
    (("zzz_747",), (), None),
    (("_",), (), None),
    ((), (), None),
]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> WordVectors:
    folder = tmp_path_factory.mktemp("words") / "known"
    with create_word_vectors(folder, dimensions=1) as writer:
        writer.append(KNOWN, np.arange(len(KNOWN), dtype=np.float32)[:, None])
    return open_word_vectors(folder)


@pytest.mark.parametrize(("lemmas", "hypernyms", "wanted"), TABLE, ids=[" ".join(lemmas) for lemmas, _, _ in TABLE])
def test_each_noun_gets_its_word_by_the_first_rule_that_finds_one(
    lemmas: tuple[str, ...], hypernyms: tuple[str, ...], wanted: Match | None, known: WordVectors
):
    assert match(Synset("it", lemmas, hypernyms), known, NOUNS) == wanted


def test_the_policy_is_that_of_the_design_and_each_rule_works_alone(known: WordVectors):
    assert [rule.name for rule in POLICY] == [
        "exact phrase",
        "case variant",
        "other lemma",
        "hyphen or spacing",
        "head word",
        "mean of parts",
        "hypernym",
    ]
    assert {rule.name for rule in POLICY} > BORROWING
    for lemmas, hypernyms, wanted in TABLE:
        if wanted is not None:
            alone = tuple(rule for rule in POLICY if rule.name == wanted.rule)
            assert match(Synset("it", lemmas, hypernyms), known, NOUNS, policy=alone) == wanted


def test_coverage_counts_every_rule_and_what_none_found(known: WordVectors):
    nouns = NOUNS | {str(n): Synset(str(n), lemmas, above) for n, (lemmas, above, _) in enumerate(TABLE)}
    matches = match_all(nouns, known, wnids=map(str, range(len(TABLE))))
    assert list(matches) == [str(n) for n in range(len(TABLE))]
    counts = coverage(matches)
    assert list(counts) == [*(rule.name for rule in POLICY), UNMATCHED]
    assert list(counts.values()) == [6, 10, 3, 6, 5, 3, 4, 5]
    assert list(match_all(NOUNS, known)) == list(NOUNS)
    with pytest.raises(KeyError, match="absent"):
        match_all(NOUNS, known, wnids=["absent"])


def test_nouns_without_a_vector_of_their_own_are_marked_with_those_that_share_it(known: WordVectors):
    nouns = NOUNS | {
        "crane bird": Synset("crane bird", ("bird",)),
        "bird": Synset("bird", ("Bird",)),
        "hawk": Synset("hawk", ("zzz_bird",)),
        "yellow cat": Synset("yellow cat", ("yellow_cat",)),
        "nobody": Synset("nobody", ("zzz",)),
        "white animal": Synset("white animal", ("white_animal_zzz",)),
        "animal white": Synset("animal white", ("animal_white_yyy",)),
    }
    assert without_own_vector(match_all(nouns, known)) == {
        "retriever": ("labrador",),
        "labrador": ("retriever",),
        "crane bird": ("bird", "hawk"),
        "bird": ("crane bird", "hawk"),
        "hawk": ("crane bird", "bird"),
        "yellow cat": (),
        "white animal": ("animal white",),
        "animal white": ("white animal",),
    }


def test_of_thousands_that_share_a_vector_each_names_the_first_few_others(known: WordVectors):
    # All pairs of 80,000 nouns would take 50 GB.
    nouns = {f"{number:05d}": Synset(f"{number:05d}", (f"zzz{number}", "dog")) for number in range(3_000)}
    marked = without_own_vector(match_all(nouns, known))
    first = tuple(list(nouns)[: MOST_NAMED + 1])
    assert len(marked) == len(nouns)
    assert marked["00003"] == (*first[:3], *first[4:])
    assert marked["02999"] == marked["00020"] == first[:MOST_NAMED]
    assert len({len(others) for others in marked.values()}) == 1


# ---- The same among 200,000 phrases in a file of Google's format

PHRASES = 200_000


def written_phrases(path: Path) -> list[str]:
    """Write a file of phrases, mixed in case, every fourth one not ASCII and every hundredth there before.

    Those of `KNOWN` lie far apart.
    """
    shapes = ("filler{}_phrase", "Filler{}_Phrase", "FILLER{}-PHRASE", "füller{}_Größe")
    numbers = [number - 96 if number % 100 == 96 else number for number in range(PHRASES - len(KNOWN))]
    words = [shapes[number % 4].format(number // 4) for number in numbers]
    for place, word in enumerate(KNOWN):
        words.insert(place * 6000 + 1, word)
    rows = np.array([crc32(word.encode("utf-8", "surrogateescape")) % 9973 for word in words], "<f4")
    with path.open("wb") as file:
        file.write(b"%d 1\n" % len(words))
        for word, row in zip(words, rows, strict=True):
            file.write(word.encode("utf-8", "surrogateescape") + b" " + row.tobytes() + b"\n")
    return words


def test_among_200000_phrases_of_a_file_every_noun_gets_the_same_word(tmp_path: Path):
    words = written_phrases(tmp_path / "phrases.bin")
    file = open_word2vec(tmp_path / "phrases.bin")
    assert (file.count, file.layout) == (PHRASES, "binary")
    with create_word_vectors(tmp_path / "stored", dimensions=1) as writer:
        for block, vectors in file.blocks():
            writer.append(block, vectors)
    found = open_word_vectors(tmp_path / "stored")
    places = {row: words.index(word) if word == "dog" else row * 6000 + 1 for row, word in enumerate(KNOWN)}
    for lemmas, hypernyms, wanted in TABLE:
        if wanted is not None:
            wanted = Match(wanted.rule, wanted.words, tuple(places[row] for row in wanted.rows))
        assert match(Synset("it", lemmas, hypernyms), found, NOUNS) == wanted
    fillers = {
        "filler7_phrase": Match("exact phrase", ("filler7_phrase",), (places_of(words, "filler7_phrase"),)),
        "filler25_phrase": Match("exact phrase", ("filler25_phrase",), (places_of(words, "filler25_phrase"),)),
        "FILLER25_Phrase": Match("case variant", ("filler25_phrase",), (places_of(words, "filler25_phrase"),)),
        "FILLER8_PHRASE": Match("case variant", ("filler8_phrase",), (places_of(words, "filler8_phrase"),)),
        "Filler9-phrase": Match("case variant", ("FILLER9-PHRASE",), (places_of(words, "FILLER9-PHRASE"),)),
        "FÜLLER49000-GRÖSSE": None,
        "füller49000-Größe": Match(
            "hyphen or spacing", ("füller49000_Größe",), (places_of(words, "füller49000_Größe"),)
        ),
    }
    assert words.count("filler25_phrase") == 2
    for lemma, wanted in fillers.items():
        assert match(Synset("it", (lemma,)), found, NOUNS) == wanted
    numbers = [float(crc32(word.encode("utf-8", "surrogateescape")) % 9973) for word in words]
    assert found.vectors[:, 0].tolist() == numbers


def places_of(words: list[str], word: str) -> int:
    return words.index(word)
