"""`imagemill words`: from vectors and WordNet to published maps, once, checked, and asked afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from storage.locking import dataset_lock
from storage.tiers import Tiers
from storage.verification import verified
from storage.versions import version_numbers
from storage.word_maps import open_word_maps
from tasks.ops.demo_classes import demo_classes
from tasks.ops.wordnet_taxonomy import Taxonomy
from tests.faults.bare_prepare import BareJob, prepare
from tests.faults.tiny_source import add_pictures
from tests.storage.damaged_files import on_disk
from tests.tasks.ops.noun_vectors import write_noun_vectors
from tests.tasks.ops.wordnet_examples import needs_wordnet, real_nouns, write_complete_wordnet

REPOSITORY = Path(__file__).parents[2]
TENCH, GOLDFISH = "n01440764", "n01443537"
NOBODY = "n99999999"
NOUNS = 82_115


@dataclass(frozen=True)
class Roots:
    """A dataset of images and word maps below two roots, and what the maps are made of."""

    tiers: Tiers
    source: Path
    wordnet: Path
    vectors: Path

    def ended(self, *arguments: object) -> Result:
        return ended(*arguments, "--slow", self.tiers.slow, "--fast", self.tiers.fast)

    def words(self, *options: object) -> Result:
        """Make word maps as the fixture did, with more options."""
        given = ("--vectors", self.vectors, "--wordnet", self.wordnet, "--dataset", "photos")
        return self.ended("words", *given, *options)

    def facts(self, *arguments: object) -> dict[str, Any]:
        result = self.ended(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def objects(self) -> dict[str, tuple[str, int]]:
        return on_disk(self.tiers.slow / "words" / "objects")


def ended(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result: Result, code: int = 2) -> str:
    """Return the one sentence of a command that failed."""
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    (line,) = [line for line in result.stderr.strip().splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WordNet as NLTK has it, in one folder, so that nothing is put into the user's cache."""
    return write_complete_wordnet(tmp_path_factory.mktemp("complete") / "wordnet")


@pytest.fixture(scope="module")
def prepared(prefect_api: str, wordnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Roots:
    """Images of four classes, prepared, and a file of vectors: of a noun, of one of a broader notion, and of none."""
    root = tmp_path_factory.mktemp("words")
    source = add_pictures(root / "source", 8)
    for name in ("golden retriever", NOBODY):
        shutil.copytree(source / TENCH, source / name)
    prepare(BareJob(str(source), str(root / "slow"), dataset="photos"))
    write_noun_vectors(root / "nouns.bin", real_nouns(), without=("tench",))
    return Roots(Tiers(root / "slow", root / "fast"), source, wordnet, root / "nouns.bin")


@dataclass(frozen=True)
class Made:
    """Roots with published word maps, and what the command told of them."""

    roots: Roots
    facts: dict[str, Any]


@pytest.fixture(scope="module")
def made(prepared: Roots) -> Made:
    """Word maps, published once for all tests that only look at them."""
    result = prepared.words("--json")
    assert result.exit_code == 0, result.output
    return Made(prepared, json.loads(result.stdout))


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Roots:
    """A copy of all that is published, which a test may change, without copies on the fast root."""
    shutil.copytree(made.roots.tiers.slow, tmp_path / "slow")
    return Roots(Tiers(tmp_path / "slow", tmp_path / "fast"), made.roots.source, made.roots.wordnet, made.roots.vectors)


# ---- Publishing


@needs_wordnet
def test_all_nouns_and_the_classes_of_a_dataset_are_published_with_a_card_and_staged(made: Made):
    facts, roots = made.facts, made.roots
    assert (facts["status"], facts["name"], facts["version"]) == ("published", "words", 1)
    assert facts["coverage"].keys() == {"nouns", "photos"}
    nouns, photos = ({rule: n for rule, n in of.items() if n} for of in facts["coverage"].values())
    assert nouns == {"exact phrase": NOUNS - 1, "head word": 1}
    assert photos == {"exact phrase": 2, "head word": 1, "no vector": 1}
    assert facts["checked"]["failures"] == []
    assert facts["checked"]["pairs"] == 4000
    assert facts["checked"]["mixed_correlation"] > 0.5
    card = Path(facts["card"]).read_text(encoding="utf-8")
    assert card.startswith("# words, version 1\n")
    assert "It is consistency" not in card
    assert f"Without a vector, set aside by `--require-vector`: `{NOBODY}`." in card
    assert f"| `{TENCH} tench` | a broader notion |" in card
    assert verified(roots.tiers, "words", share=1.0).is_whole
    slow, fast = (root / "words" / "objects" for root in (roots.tiers.slow, roots.tiers.fast))
    assert {path.name for path in slow.iterdir()} == {path.name for path in fast.iterdir()}


@needs_wordnet
def test_maps_hold_the_vectors_of_the_file_scaled_to_length_1(made: Made):
    nouns = real_nouns()
    with open_word_maps(made.roots.tiers) as maps:
        row = maps.nouns.rows[GOLDFISH]
        given = maps.vectors.vectors[maps.vectors.row("goldfish") or 0]
        np.testing.assert_allclose(maps.nouns.vectors[row], given / np.linalg.norm(given), atol=1e-6)
        classes = maps.classes("photos")
        assert maps.nouns.names == tuple(nouns)
    assert classes.names == tuple(sorted(classes.names)) == ("golden retriever", TENCH, GOLDFISH, NOBODY)
    assert classes.rules == ("exact phrase", "head word", "exact phrase", "no vector")
    assert classes.labels == ("golden_retriever", "tench", "goldfish", NOBODY)
    assert classes.has_own_vector.tolist() == [True, False, True, False]


@needs_wordnet
def test_a_second_run_says_unchanged_and_writes_nothing(made: Made):
    before = made.roots.objects()
    result = made.roots.words()
    assert result.exit_code == 0, result.output
    assert "words: nothing to do, version 1 holds these maps" in result.stdout
    assert "  photos    2 by exact phrase, 1 by head word, 1 by no vector" in result.stdout
    assert "imagemill words near golden_retriever" in result.stdout
    assert made.roots.objects() == before
    assert version_numbers(made.roots.tiers.authority("words")) == [1]


@needs_wordnet
def test_what_a_spare_holds_is_put_back_and_nothing_is_made_again(copy: Roots):
    before, folder = on_disk(copy.tiers.slow / "words" / "receipts") | copy.objects(), copy.tiers.authority("words")
    with open_word_maps(copy.tiers) as maps:
        version = maps.version
    lost = [folder.objects / version.card.name, folder.receipt(version.receipts[0])]
    for path in lost:
        path.unlink()
    assert copy.words().stdout.startswith("words: nothing to do, version 1 holds these maps")
    after = on_disk(copy.tiers.slow / "words" / "receipts") | copy.objects()
    assert {path: before[path][0] for path in before} == {path: after[path][0] for path in after}
    changed = {path for path in before if before[path] != after[path] and Path(path).is_file()}
    assert changed == set(map(str, lost))


@needs_wordnet
@pytest.mark.slow
def test_a_damaged_matrix_is_made_again_by_the_same_command(copy: Roots):
    before = {path: content for path, (content, _) in copy.objects().items()}
    with open_word_maps(copy.tiers) as maps:
        version = maps.version
    matrix = copy.tiers.authority("words").objects / version.file("nouns.npy").name
    matrix.write_bytes(matrix.read_bytes()[:-1] + b"\0")
    result = copy.words("--json")
    again = json.loads(result.stdout)
    assert (again["status"], again["version"], again["identity"]) == ("unchanged", 1, version.identity)
    assert {path: content for path, (content, _) in copy.objects().items()} == before
    assert verified(copy.tiers, "words", share=1.0).is_whole


@needs_wordnet
def test_maps_that_miss_a_threshold_are_not_published_and_the_previous_version_stays(copy: Roots):
    before = copy.objects()
    told = refused(copy.words("--min-correlation", 1), code=1)
    assert "nothing was published as words: the rank correlation of cosine with Wu–Palmer similarity is 0." in told
    assert told.endswith("lower the thresholds if this is what you want")
    assert version_numbers(copy.tiers.authority("words")) == [1]
    assert copy.objects() == before
    with open_word_maps(copy.tiers) as maps:
        assert maps.version.number == 1


@needs_wordnet
def test_a_file_that_is_cut_off_names_the_byte_and_publishes_nothing(copy: Roots, tmp_path: Path):
    content = copy.vectors.read_bytes()
    cut = tmp_path / "cut.bin"
    cut.write_bytes(content[:-5])
    start = content.rindex(b"\n", 0, len(content) - 80)
    told = refused(copy.ended("words", "--vectors", cut, "--wordnet", copy.wordnet, "--name", "other"))
    count = int(content.split()[0])
    assert f"cut.bin: record {count:,} of {count:,}, at byte " in told
    assert abs(int(told.split("at byte ")[1].split(":")[0].replace(",", "")) - start) < 80
    other = copy.tiers.authority("other")
    assert version_numbers(other) == []
    assert [list(place.iterdir()) for place in (other.objects, other.tmp, other.path / "receipts")] == [[], [], []]


@needs_wordnet
def test_a_run_beside_another_is_told_who_holds_the_words(copy: Roots):
    with dataset_lock(copy.tiers.authority("words")):
        assert f"is being built by process {os.getpid()} on " in refused(copy.words(), code=11)


# ---- Classes without a vector


@needs_wordnet
def test_classes_without_a_vector_are_set_aside_and_the_source_is_not_touched(made: Made, tmp_path: Path):
    roots = Roots(Tiers(tmp_path, tmp_path), made.roots.source, made.roots.wordnet, made.roots.vectors)
    shutil.copytree(made.roots.tiers.slow / "words", tmp_path / "words")
    before = on_disk(roots.source)
    prepare = ("prepare", roots.source, "--dataset", "seen", "--size", 16, "--require-vector", "words")
    facts = roots.facts(*prepare)
    assert (facts["status"], facts["set_aside"], facts["stored"]) == ("published", [NOBODY], 12)
    assert NOBODY in Path(facts["card"]).read_text(encoding="utf-8")
    assert on_disk(roots.source) == before
    again = roots.ended(*prepare)
    assert "seen: nothing to do, version 1 holds these 12 images" in again.stdout
    assert f"set aside 1 classes without a word vector: {NOBODY}" in again.stdout
    assert "1 classes without a word vector are set aside" in again.stderr


# ---- Questions


@needs_wordnet
def test_near_lists_the_nearest_nouns_with_their_meaning(made: Made):
    found = made.roots.facts("words", "near", "golden retriever", "--count", 5)
    assert found["word"] == "golden_retriever"
    assert [sense["wnid"] for sense in found["senses"]] == ["n02099601"]
    with open_word_maps(made.roots.tiers) as maps:
        cosines = maps.nouns.vectors @ maps.nouns.vectors[maps.nouns.rows["n02099601"]]
        nearest = [maps.nouns.names[row] for row in np.argsort(-cosines)[1:6]]
    assert [noun["wnid"] for noun in found["nouns"]] == nearest
    told = made.roots.ended("words", "near", "golden_retriever", "--count", 5).stdout.splitlines()
    assert told[0] == "golden_retriever: an English breed having a long silky golden coat"
    assert [line.split()[1] for line in told[1:]] == [noun["name"] for noun in found["nouns"]]


@needs_wordnet
def test_compare_tells_the_cosine_and_how_many_are_nearer(made: Made):
    found = made.roots.facts("words", "compare", "pug", "DOG")
    assert found.keys() == {"first", "second", "cosine", "nearer", "nouns"}
    assert (found["first"], found["second"], found["nouns"]) == ("pug", "DOG", NOUNS)
    told = made.roots.ended("words", "compare", "pug", "DOG").stdout
    assert told == (
        f"pug and DOG: cosine {found['cosine']:.2f}; {found['nearer']:,} of 82,115 nouns are nearer to pug\n"
    )


@needs_wordnet
def test_a_misspelt_word_is_one_sentence_with_suggestions(made: Made):
    for command in (("near", "golden_retreiver"), ("compare", "dog", "golden retreiver")):
        told = refused(made.roots.ended("words", *command))
        assert f"there is no vector for '{command[-1]}'; perhaps you meant: golden_retriever" in told
    answer = made.roots.ended("words", "near", "golden_retreiver", "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["exit_code"]) == (2, 2)


@needs_wordnet
def test_verify_status_and_stage_know_word_maps(copy: Roots):
    assert copy.ended("verify", "words").stdout.startswith("words: whole; ")
    statuses = {one["name"]: one for one in copy.facts("status")["datasets"]}
    assert (statuses["words"]["array_format"], statuses["words"]["current"]) == ("words", 1)
    assert copy.facts("stage", "words")["staged"]["copied"] > statuses["words"]["bytes"] > 0
    assert "version 1 holds words, which have no sizes" in refused(copy.ended("stage", "words", "--size", 16))
    shown = copy.ended("show", "words", "-o", copy.tiers.slow / "sheet.png")
    assert "words holds files such as word maps, and no images" in refused(shown)


# ---- Bad input


@needs_wordnet
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--vectors", "a.bin", "--corpus", "b.txt"), "vectors are taken from a file or learnt from a text: give one"),
        (("--dataset", "nothing"), "nothing holds no published version; run: imagemill prepare … --dataset nothing"),
        (("--dataset", "../up"), "letters, digits, '.', '_' and '-' only, at most 64; got '../up'"),
        (("--min-relations", 2), "min_relations: Input should be less than or equal to 1"),
        (("--epochs", 0), "epochs: Input should be greater than or equal to 1"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_folder(
    prefect_api: str, wordnet: Path, tmp_path: Path, options: tuple[object, ...], told: str
):
    result = ended("words", "--wordnet", wordnet, "--slow", tmp_path / "slow", *options)
    assert told in refused(result)
    assert list(tmp_path.iterdir()) == []


def test_a_wordnet_that_is_none_is_one_sentence_with_ways_to_get_it(prefect_api: str, tmp_path: Path):
    told = refused(ended("words", "--wordnet", tmp_path / "none", "--slow", tmp_path / "slow"))
    assert f"there is no WordNet 3.0 here: there is no {tmp_path / 'none'}. Either install Debian's packages" in told
    assert list(tmp_path.iterdir()) == []


def test_every_command_on_words_has_help_with_examples():
    for command, example in {
        (): "Examples: imagemill words --dataset demo --slow /hdd --fast /ssd; imagemill words --vectors GoogleNews",
        ("near",): "Example: imagemill words near golden_retriever --count 5",
        ("compare",): "Example: imagemill words compare pug dog",
    }.items():
        result = ended("words", *command, "--help")
        assert result.exit_code == 0
        assert example in " ".join(result.stdout.split())


# ---- What takes longer


@needs_wordnet
@pytest.mark.slow
def test_a_run_that_is_killed_publishes_nothing_and_the_next_one_goes_on(
    prepared: Roots, prefect_api: str, tmp_path: Path
):
    folder = Tiers(tmp_path, tmp_path).authority("words")
    arguments = ["words", "--vectors", prepared.vectors, "--wordnet", prepared.wordnet, "--slow", tmp_path, "--json"]
    for wanted in (folder.tmp, folder.path / "receipts"):
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.command_line", *map(str, arguments)],
            cwd=REPOSITORY,
            env=os.environ | {"PREFECT_API_URL": prefect_api},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not list(wanted.glob("*/*" if wanted == folder.tmp else "*.json")):
            time.sleep(0.005)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert version_numbers(folder) == []
    kept = on_disk(folder.objects)
    assert len(list((folder.path / "receipts").iterdir())) == 1
    result = ended(*arguments)
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "published")
    after = on_disk(folder.objects)
    vectors = [path for path in kept if "vectors-" in path]
    assert len(vectors) > 1
    assert {path: after[path] for path in vectors} == {path: kept[path] for path in vectors}
    assert list(folder.tmp.iterdir()) == []
    assert verified(Tiers(tmp_path, tmp_path), "words", share=1.0).is_whole


@needs_wordnet
@pytest.mark.slow
def test_vectors_are_learnt_from_a_text_of_the_users(prefect_api: str, wordnet: Path, tmp_path: Path):
    text = tmp_path / "text.txt"
    lines = ("the dog and the cat are an animal", "the entity is an object or an abstraction", "a plant is no animal")
    text.write_text("\n".join(lines * 100))
    arguments = ["words", "--corpus", text, "--wordnet", wordnet, "--slow", tmp_path / "slow", "--json"]
    lenient = ["--dimensions", 8, "--epochs", 2, "--min-relations", 0, "--min-correlation", -1]
    facts = json.loads(ended(*arguments, *lenient).stdout)
    assert facts["status"] == "published"
    assert sum(facts["coverage"]["nouns"].values()) == NOUNS
    card = Path(facts["card"]).read_text(encoding="utf-8")
    assert "words from 5 occurrences on" in card
    assert "It is consistency" not in card
    with open_word_maps(Tiers(tmp_path / "slow", tmp_path / "slow")) as maps:
        assert maps.vectors.dimensions == 8
        assert maps.vectors.counts is not None
        assert int(maps.vectors.counts[0]) == 300


@pytest.fixture(scope="module")
def learnt(prefect_api: str, wordnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The embedded default: learnt from WordNet itself, for all classes of the demonstration set."""
    root = tmp_path_factory.mktemp("learnt")
    first = add_pictures(root / "few", 1)
    (picture,) = first.rglob("*.JPEG")
    for each in demo_classes():
        (root / "source" / each.wnid).mkdir(parents=True)
        # No two are alike, and decoding does not look behind the end of a picture.
        content = picture.read_bytes() + each.wnid.encode()
        (root / "source" / each.wnid / "1.JPEG").write_bytes(content)
    prepare(BareJob(str(root / "source"), str(root / "slow"), dataset="demo", rows_per_shard=1024))
    roots = Roots(Tiers(root / "slow", root / "slow"), root / "source", wordnet, root / "none")
    return Made(roots, roots.facts("words", "--dataset", "demo", "--wordnet", wordnet))


@needs_wordnet
@pytest.mark.slow
class TestVectorsLearntFromWordNet:
    """What `imagemill words` does when nothing is asked for: two or three minutes of learning."""

    def test_every_noun_and_every_class_of_the_demonstration_set_has_a_vector(self, learnt: Made):
        nouns, classes = learnt.facts["coverage"]["nouns"], learnt.facts["coverage"]["demo"]
        assert (sum(nouns.values()), nouns["no vector"]) == (NOUNS, 0)
        assert (sum(classes.values()), classes["no vector"]) == (len(demo_classes()), 0)
        assert nouns["exact phrase"] > 80_000

    def test_distances_agree_with_wordnet_over_the_mixed_sample_and_the_random_half_is_told(self, learnt: Made):
        checked = learnt.facts["checked"]
        assert checked["mixed_correlation"] >= 0.7
        assert 0 < checked["random_correlation"] < 0.4
        assert len(checked["held"]) >= 15
        card = Path(learnt.facts["card"]).read_text(encoding="utf-8")
        assert f"over the random half alone {checked['random_correlation']:.2f}, which is weak" in card
        assert "It is consistency, and no evidence that the vectors know the world." in card
        assert "`yes: the same text, seed and libraries give the same bytes`" in card

    @pytest.mark.parametrize(
        ("word", "kind", "one_of"),
        [
            ("golden_retriever", "dog", {"Labrador_retriever", "curly-coated_retriever", "flat-coated_retriever"}),
            ("violin", "musical_instrument", {"cello", "viola", "bass_fiddle", "bowed_stringed_instrument"}),
            ("aircraft_carrier", "ship", {"battle_cruiser", "capital_ship", "battleship", "warship", "destroyer"}),
            ("pizza", "dish", {"Sicilian_pizza", "cheese_pizza", "pepperoni_pizza", "sausage_pizza"}),
        ],
    )
    def test_the_nearest_nouns_are_what_a_person_expects(self, learnt: Made, word: str, kind: str, one_of: set[str]):
        nouns = real_nouns()
        taxonomy = Taxonomy(nouns)
        found = learnt.roots.facts("words", "near", word, "--count", 10)["nouns"]
        of_kind = [
            noun["name"]
            for noun in found
            if kind in {nouns[above].lemmas[0] for above in taxonomy.ancestors(noun["wnid"])}
        ]
        assert len(of_kind) >= 5, found
        assert {noun["name"] for noun in found} & one_of, found
        assert f"| `{word}` | `" in Path(learnt.facts["card"]).read_text(encoding="utf-8")

    def test_a_second_build_with_one_thread_and_the_same_seed_has_the_same_identity(self, learnt: Made, tmp_path: Path):
        shutil.copytree(learnt.roots.tiers.slow / "demo", tmp_path / "demo")
        options = ("words", "--dataset", "demo", "--wordnet", learnt.roots.wordnet)
        again = Roots(Tiers(tmp_path, tmp_path), tmp_path, learnt.roots.wordnet, tmp_path).facts(*options)
        assert (again["status"], again["identity"]) == ("published", learnt.facts["identity"])


def test_options_before_a_subcommand_are_refused_and_not_ignored(tmp_path: Path):
    result = CliRunner().invoke(app, ["words", "--slow", str(tmp_path), "near", "dog"])
    assert result.exit_code == 2
    assert "put --slow after near" in result.stderr
