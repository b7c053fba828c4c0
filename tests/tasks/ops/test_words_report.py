"""The card says what was matched by which rule, what the checks are worth, and shows names as they are."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from storage.word_vectors import create_word_vectors, open_word_vectors
from tasks.ops.word_checks import RELATIONS, Checked
from tasks.ops.word_mapping import class_map, noun_map
from tasks.ops.word_origins import TextVectors, known_origin
from tasks.ops.word_training import TrainingSettings
from tasks.ops.words_report import WordMaps, coverage_of, coverage_table, named_neighbours, unmatched, words_card
from tests.tasks.ops.kennel_words import Kennel, make_kennel

CHECKED = Checked(RELATIONS[1:], RELATIONS[:1], (), 4000, 0.7754, 0.1512, ())
HOSTILE = ("<img src=x onerror=alert(1)> dog", "cat | pack", "# `pack`", "[dog](http://x)", "**zzz**", "`` zzz ``")


@pytest.fixture(scope="module")
def kennel(tmp_path_factory: pytest.TempPathFactory) -> Kennel:
    return make_kennel(tmp_path_factory.mktemp("kennel"))


def maps_of(kennel: Kennel, **classes: tuple[str, ...]) -> WordMaps:
    of_classes = {dataset: class_map(names, kennel.nouns, kennel.words) for dataset, names in classes.items()}
    return WordMaps(noun_map(kennel.nouns, kennel.words), of_classes, kennel.words)


def card_of(maps: WordMaps, *, is_circular: bool = True) -> str:
    return words_card("words", 3, maps, CHECKED, [("seed", "7"), ("text", "a|b")], is_circular=is_circular)


def section(card: str, title: str) -> str:
    return card.split(f"## {title}\n")[1].split("\n## ")[0].strip()


def test_coverage_counts_each_rule_in_its_order_and_what_none_found(kennel: Kennel):
    maps = maps_of(kennel, photos=("dog", "zzz"))
    assert list(coverage_of(maps.nouns).items()) == [
        ("exact phrase", 3),
        ("case variant", 1),
        ("other lemma", 0),
        ("hyphen or spacing", 0),
        ("head word", 1),
        ("mean of parts", 0),
        ("hypernym", 1),
        ("no vector", 1),
    ]
    table = coverage_table(maps).splitlines()
    assert table[0] == "| rule | all nouns | classes of photos |"
    assert table[2:4] == ["| exact phrase | 3 | 1 |", "| case variant | 1 | 0 |"]
    assert table[-2:] == ["| no vector | 1 | 1 |", "| in all | 7 | 2 |"]
    assert unmatched(maps.classes["photos"]) == ("zzz",)


def test_the_card_begins_with_what_it_is_and_has_the_table_of_rules_beside_the_notebooks_figures(kennel: Kennel):
    maps = maps_of(kennel, photos=("dog",))
    card = card_of(maps)
    assert card.startswith("# words, version 3\n")
    assert "| words with a vector | 6 in 4 dimensions |" in card
    assert "| nouns | 6 of 7 have a vector |" in card
    assert "| seed | `7` |" in card
    assert "| text | `a\\|b` |" in card
    coverage = section(card, "Coverage")
    assert coverage.startswith(coverage_table(maps))
    assert coverage.endswith(
        "The first two rules together are fast.ai's plain rule: 4 of 7 nouns here. Their notebook matched 51,600 of "
        "82,115 with it and Google's vectors."
    )


def test_classes_without_a_vector_and_those_that_share_one_are_named(kennel: Kennel):
    text = section(card_of(maps_of(kennel, photos=("n00000020", "n00000030", "cat", "zzz"))), "Classes of photos")
    assert text.splitlines() == [
        "3 of 4 classes have a vector, 1 one of their own.",
        "",
        "Without a vector, set aside by `--require-vector`: `zzz`.",
        "",
        "No vector of their own tells these apart, so zero-shot evaluation leaves them out:",
        "",
        "| class | shares its vector with |",
        "|---|---|",
        "| `n00000020 dog` | `n00000030` |",
        "| `n00000030 guide_dog` | `n00000020` |",
    ]
    alone = section(card_of(maps_of(kennel, photos=("n00000030",))), "Classes of photos")
    assert alone.endswith("| `n00000030 guide_dog` | a broader notion |")


def test_of_many_classes_the_first_are_shown_and_the_others_counted(kennel: Kennel):
    many = tuple(f"zzz{number}" for number in range(1025))
    shared = tuple(f"{'zzz ' * number}dog" for number in range(30))
    text = section(card_of(maps_of(kennel, photos=(*many, *shared))), "Classes of photos")
    assert "`zzz0`, `zzz1`, " in text
    assert "`zzz19` and 1,005 more." in text
    assert "and 10 more, in the table of the classes." in text


def test_the_checks_are_told_with_what_failed_and_with_what_they_are_worth(kennel: Kennel):
    maps = maps_of(kennel)
    circular, evidence = (section(card_of(maps, is_circular=each), "Checks") for each in (True, False))
    assert f"- 15 of {len(RELATIONS)} relations hold, such as: " in circular
    assert "- Does not hold: golden_retriever should be nearer to poodle than to banana." in circular
    assert "Wu–Palmer similarity: 0.78 over 4,000 pairs of nouns, half near each other" in circular
    assert "over the random half alone 0.15, which is weak" in circular
    told = "It is consistency, and no evidence that the vectors know the world."
    assert told in circular
    assert "learnt from WordNet" not in evidence
    assert told not in evidence


@pytest.mark.parametrize(
    ("workers", "told"),
    [
        (1, "| reproducible | `yes: the same text, seed and libraries give the same bytes` |"),
        (2, "| reproducible | `no: 2 threads take lines as they come, so every run gives slightly other vectors` |"),
    ],
)
def test_the_card_says_when_threads_make_the_vectors_vary(kennel: Kennel, tmp_path: Path, workers: int, told: str):
    (tmp_path / "text.txt").write_text("a b")
    origin = TextVectors(tmp_path / "text.txt", TrainingSettings(workers=workers))
    facts = known_origin(origin, kennel.wordnet).facts
    assert told in words_card("words", 1, maps_of(kennel), CHECKED, facts, is_circular=False)


def pictures_in(card: str) -> list[Image.Image]:
    found = re.findall(r"!\[[^\]]*\]\(data:image/png;base64,([^)]*)\)", card)
    return [Image.open(io.BytesIO(base64.b64decode(content, validate=True))) for content in found]


def test_the_card_holds_one_picture_of_the_first_datasets_classes_or_of_all_nouns(kennel: Kennel):
    for maps, title in ((maps_of(kennel, photos=("dog", "cat")), "photos"), (maps_of(kennel), "nouns")):
        card = card_of(maps)
        (picture,) = pictures_in(card)
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (1200, 840))
        assert f"*{title} in the two directions in which their vectors vary most (PCA), coloured by branch" in card


def test_too_few_words_make_no_picture(kennel: Kennel):
    card = card_of(maps_of(kennel, photos=("dog", "zzz")))
    assert pictures_in(card) == []
    assert "*Fewer than two of its words have a vector: there is nothing to draw.*" in card


def without_code(card: str) -> str:
    """Return what is left of Markdown once all that is shown as it is has been taken out: fences and code spans."""
    unfenced = re.sub(r"^```.*?^```$", "", card, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", unfenced)


def test_hostile_class_names_are_shown_as_text_and_break_neither_table_nor_page(kennel: Kennel):
    card = card_of(maps_of(kennel, photos=HOSTILE))
    left = without_code(card)
    for name in HOSTILE:
        assert name.replace("|", "\\|") in card
    for trouble in ("<img", "](http", "**zzz", "alert"):
        assert trouble not in left
    for line in section(card, "Classes of photos").splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line


def test_neighbours_are_named_once_and_without_the_word_itself(kennel: Kennel, tmp_path: Path):
    maps = maps_of(kennel)
    names = [name for name, _ in named_neighbours("Dog", maps, count=3)]
    assert names == ["guide_dog", "Laika", "animal"]
    assert named_neighbours("zzz", maps) == []
    neighbours = section(card_of(maps), "Nearest nouns")
    assert "| `pizza` | no vector |" in neighbours
    assert re.search(r"\| `violin` \| `cat` 0\.71, `pack` 0\.71, `dog` 0\.50", neighbours)


def test_the_card_tells_how_to_read_the_maps(kennel: Kennel):
    reading = section(card_of(maps_of(kennel, photos=("dog",))), "Reading it")
    assert 'with open_word_maps(tiers, "words") as maps:' in reading
    assert 'classes = maps.classes("photos")' in reading
    assert "maps.classes" not in section(card_of(maps_of(kennel)), "Reading it")


def test_nouns_without_any_vector_make_a_card_all_the_same(kennel: Kennel, tmp_path: Path):
    with create_word_vectors(tmp_path / "none", dimensions=4) as writer:
        writer.append([], maps_of(kennel).nouns.vectors[:0])
    words = open_word_vectors(tmp_path / "none")
    maps = WordMaps(noun_map(kennel.nouns, words), {}, words)
    assert "| nouns | 0 of 7 have a vector |" in card_of(maps)
