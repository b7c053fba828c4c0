"""docs/formats.md tells how to read and check what we publish without our code: snippets run, tables are true."""

from __future__ import annotations

import csv
import json
import pickle
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from blake3 import blake3

from flows.exit_codes import exit_code_of
from flows.image_job import ImageJob
from flows.prepare_images import prepare_images
from flows.run_log import failure_facts
from storage.bundles import Bundle, BundleFile, FileReceipt
from storage.class_splits import HYPERNYM_SCHEMA, SPLIT_SCHEMA, SPLITS
from storage.datasets import DatasetMark, create_dataset
from storage.errors import DamagedDataset, UnreadableRecord
from storage.features import FeatureFacts
from storage.layout import DatasetFolder
from storage.lineage import Lineage
from storage.objects import store_object
from storage.pair_versions import PairOrigin, PairVersion
from storage.parameters import Parameters
from storage.plans import (
    LISTING_SCHEMA,
    PLAN_FILES,
    SHUFFLED_SCHEMA,
    ListingDigests,
    Plan,
    PlannedShard,
    PlanSettings,
    SourceTree,
)
from storage.promotions import Promotion
from storage.receipts import Receipt, ShardArray, StoredObject
from storage.records import read_record
from storage.refused import Refused
from storage.row_tables import ROWS_SCHEMA
from storage.tiers import Tiers
from storage.versions import Version, VersionShard
from storage.word_maps import MAP_SCHEMA, WORDS
from storage.word_vectors import create_word_vectors, open_word_vectors
from tasks.ops.split_choices import SplitClasses, SplitRequest, choices_by_seed
from tasks.ops.splits_publication import made_splits, publish_splits
from tasks.ops.word_checks import Thresholds, check_vectors
from tasks.ops.word_mapping import noun_map
from tasks.ops.wordnet_nouns import Noun
from tasks.ops.words_publication import WordRequest, publish_words
from tasks.ops.words_report import WordMaps
from tests.faults.bare_pairs import BarePairs, make
from tests.oracles.conversions import largest_difference
from tests.oracles.published_rows import expected_square
from tests.storage.feature_bundles import published_features

PAGE = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"<!-- run: (\w+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))

HALF = 'name = "half"\nbad_side = "1/2"\n[[defects]]\ndefect = "shrink"\nside = "1/2"\n'

ALONE = """
import pickle, sys
OURS = {"storage", "tasks", "flows", "training", "dashboard", "tests", "benchmarks"}
class NotOurs:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in OURS:
            raise ImportError(f"a snippet must do without {name}")
sys.meta_path.insert(0, NotOurs())
space = {}
exec(compile(sys.stdin.read(), "docs/formats.md", "exec"), space)
assert not OURS & {name.split(".")[0] for name in sys.modules}
found = {name: value for name, value in space.items() if type(value).__name__ in ("ndarray", "list", "dict")}
sys.stdout.buffer.write(pickle.dumps({name: found[name] for name in found if not name.startswith("_")}))
"""


def ran(snippet: str, root: Path, *, then: str = "") -> dict[str, Any]:
    """Run a snippet of the page in a root, in a process that cannot import our packages; return its variables."""
    return ran_text(SNIPPETS[snippet] + then, root)


def ran_text(text: str, root: Path) -> dict[str, Any]:
    process = subprocess.run([sys.executable, "-I", "-c", ALONE], cwd=root, input=text.encode(), capture_output=True)
    assert process.returncode == 0, process.stderr.decode()
    return pickle.loads(process.stdout)


@pytest.fixture(scope="module")
def root(prefect_api: str, demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the demonstration set as the page calls it: `imagenet`, and `imagenet-bcolz`."""
    root = tmp_path_factory.mktemp("root")
    for dataset, array_format in (("imagenet", "hdf5"), ("imagenet-bcolz", "bcolz")):
        job = ImageJob(
            source=demo_root / "train",
            dataset=dataset,
            slow=root,
            fast=root,
            sizes=(48, 24),
            array_format=array_format,
            limit=120,
            rows_per_shard=50,
            max_refused=1.0,
            workers=2,
        )
        prepare_images(job)
    make(BarePairs(str(root), str(root), HALF, "imagenet-half", side=48, origin="imagenet"))
    return root


def published(root: Path, dataset: str) -> tuple[dict[str, Any], pa.Table]:
    """Return a version and its table of rows, read without our code."""
    version = json.loads((root / dataset / "versions" / "00000001.json").read_bytes())["body"]
    return version, parquet.read_table(root / dataset / "objects" / version["table"]["name"])


@pytest.mark.parametrize(("snippet", "dataset", "count"), [("h5py", "imagenet", 64), ("bcolz", "imagenet-bcolz", None)])
def test_the_array_library_alone_reads_the_right_pixels_and_labels(
    snippet: str, dataset: str, count: int | None, root: Path, demo_root: Path
):
    read = ran(snippet, root)
    version, rows = published(root, dataset)
    quirks = json.loads((demo_root / "expected.json").read_text())
    names = rows["name"].to_pylist()[:count]
    assert read["images"].shape == (len(names), 48, 48, 3)
    assert len(names) == count or len(names) == version["stored"] > 100
    for name, pixels in zip(names, read["images"], strict=True):
        # Compositing over white rounds once in ours, elsewhere in the oracle's.
        allowed = 1 if quirks.get(name, {}).get("quirk") == "png-alpha" else 0
        assert largest_difference(pixels, expected_square(demo_root / "train" / name, 48)) <= allowed, name
    assert read["classes"] == [name.split("/")[0] for name in names]
    assert np.array_equal(read["labels"], rows["label"].to_numpy()[:count])
    assert np.array_equal(read["ids"], rows["id"].to_numpy()[:count])


def test_the_snippet_for_rows_names_images_that_are_there(root: Path, demo_root: Path):
    read = ran("rows", root)
    version, rows = published(root, "imagenet")
    assert len(read["names"]) == version["stored"]
    assert all((demo_root / "train" / name).is_file() for name in read["names"])
    assert [rows["split"][row].as_py() for row in read["held_out"]] == ["valid"] * len(read["held_out"])


def test_the_snippet_for_pairs_reads_both_arrays_side_by_side(root: Path):
    read = ran("pairs", root)
    version, rows = published(root, "imagenet-half")
    count = version["shards"][0]["rows"]
    assert (read["good"].shape, read["bad"].shape) == ((count, 48, 48, 3), (count, 24, 24, 3))
    assert read["ids"].tolist() == rows["id"].to_pylist()[:count]
    assert np.abs(read["bad"].mean((1, 2, 3)) - read["good"].mean((1, 2, 3))).max() < 2
    origin, _ = published(root, "imagenet")
    assert [shard["objects"][0] for shard in version["shards"]] == [shard["objects"][0] for shard in origin["shards"]]


def test_the_fingerprints_of_pairs_are_those_of_the_page(root: Path):
    (origin, _), (pairs, _) = published(root, "imagenet"), published(root, "imagenet-half")
    said = {name: pairs[name] for name in ("recipe", "libraries", "array_format", "bad_side")} | {"good_side": 48}
    check = f"""
keys = [fingerprint(["pairs", {said!r}, identity]) for identity in {[each["identity"] for each in origin["shards"]]!r}]
whole = [fingerprint([keys, {pairs["classes"]!r}])]
"""
    read = ran("identities", root, then=check)
    assert read["keys"] == [shard["key"] for shard in pairs["shards"]] == [each["identity"] for each in pairs["shards"]]
    assert read["whole"] == [pairs["identity"]]


def test_the_snippet_for_records_reads_every_record_and_finds_a_flipped_bit(root: Path):
    damage = """
version = next(dataset.glob("versions/*.json"))
sound = version.read_bytes()
missed, tried = [], list(range(0, len(sound), 7))
for place in tried:
    version.write_bytes(sound[:place] + bytes([sound[place] ^ 4]) + sound[place + 1 :])
    try:
        record_body(version)
        missed.append(place)
    except (ValueError, KeyError, TypeError):
        pass
version.write_bytes(sound)
"""
    read = ran("record", root, then=damage)
    kinds = {path.split("/")[1] for path in read["bodies"]}
    assert kinds == {"dataset.json", "versions", "plans", "receipts"}
    assert len(read["tried"]) > 500
    assert read["missed"] == []


def test_a_record_of_the_next_format_is_refused_as_the_page_says_and_ends_with_2(root: Path, tmp_path: Path):
    sound = (root / "imagenet" / "dataset.json").read_bytes()
    body = sound.partition(b',"body":')[2][:-2]
    head = {"blake3": blake3(b"dataset 3 " + body).hexdigest(), "format": 3, "kind": "dataset"}
    later = tmp_path / "dataset.json"
    later.write_bytes(json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"body":' + body + b"}\n")
    said = re.search(r"(holds a )version (of format 3; .* reads a )version( of format 2\. [^\"]*)\" \| 2", PAGE)
    assert said
    message = re.escape("dataset ".join(said.groups()[:2]) + "dataset" + said[3])
    with pytest.raises(UnreadableRecord, match=message) as raised:
        read_record(later, "dataset", DatasetMark)
    assert exit_code_of(raised.value) == 2


def test_the_snippet_for_objects_agrees_with_every_digest(root: Path):
    assert ran("objects", root)["damaged"] == []
    assert ran("objects", root)["stored"] != []
    flip = """
chunk = next((dataset / "objects").glob("24-*/images/data/__0.blp"))
sound = chunk.read_bytes()
chunk.write_bytes(sound[:99] + b"x" + sound[100:])
again = [part["name"] for part in stored if object_digest(dataset / "objects" / part["name"]) != part["digest"]]
chunk.write_bytes(sound)
names = [chunk.parts[2]]
"""
    read = ran_text(SNIPPETS["objects"].replace('"imagenet"', '"imagenet-bcolz"') + flip, root)
    assert (read["damaged"], read["again"]) == ([], read["names"])


def test_the_snippet_for_spares_finds_every_member_equal_and_a_lost_or_damaged_file(root: Path):
    damage = """
lost = next(dataset.glob("plans/*/sorted.parquet"))
sound = lost.read_bytes()
lost.unlink()
again = []
for member in compared:
    if not (dataset / member).is_file():
        again.append(member)
with zipfile.ZipFile(spare) as archive:
    lost.write_bytes(archive.read(again[0]))
same = [lost.read_bytes() == sound]
spare.write_bytes(spare.read_bytes()[:-1] + b"x")
"""
    spares = [path for dataset in ("imagenet", "imagenet-bcolz") for path in (root / dataset / "spares").iterdir()]
    for spare in spares:
        kept = spare.read_bytes()
        text = SNIPPETS["spares"].replace('"imagenet"', f'"{spare.parts[-3]}"')
        read = ran_text(text + damage, root)
        after = ran_text(text, root)
        spare.write_bytes(kept)
        version, _ = published(root, spare.parts[-3])
        assert read["damaged"] == []
        assert sorted(read["compared"]) == sorted(members_of(version))
        assert (read["again"], read["same"]) == ([f"plans/{version['plan']}/sorted.parquet"], [True])
        assert after["damaged"] == [str(spare.relative_to(root))]


def members_of(version: dict[str, Any]) -> list[str]:
    """Return the members that the page promises for the spare of the first version of a dataset."""
    companions = [version["table"], *version["views"], version["report"], version["card"]]
    return [
        "dataset.json",
        "versions/00000001.json",
        *(f"plans/{version['plan']}/{name}" for name in PLAN_FILES),
        *(f"receipts/{shard['key']}.json" for shard in version["shards"]),
        *(f"objects/{part['name']}" for part in companions),
    ]


def test_the_report_is_csv_as_the_page_says(root: Path):
    version, _ = published(root, "imagenet")
    path = root / "imagenet" / "objects" / version["report"]["name"]
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert f"`{','.join(header)}`" in PAGE
    receipts = [
        json.loads((root / "imagenet" / "receipts" / f"{shard['key']}.json").read_bytes())["body"]
        for shard in version["shards"]
    ]
    refused = [one for receipt in receipts for one in receipt["refused"]]
    assert lines == [[one["name"], one["reason"], one["detail"]] for one in refused]
    assert len(lines) == version["refused"] > 0
    assert b"\r" not in path.read_bytes()


def test_the_rules_of_the_page_give_the_ids_the_order_and_the_splits_on_disk(root: Path):
    version, rows = published(root, "imagenet")
    (listing,) = (root / "imagenet" / "plans").glob("*/shuffled.parquet")
    names = parquet.read_table(listing)["name"].to_pylist()
    columns = {name: rows[name].to_pylist() for name in ("name", "id", "source", "split", "label")}
    facts = {"rule": version["parameters"]["split"], "classes": version["classes"], "listed": names, **columns}
    check = f"""
facts = {facts!r}
ids = list(map(row_id, facts["name"]))
order = sorted(facts["listed"], key=lambda name: shuffle_key(row_id(name), seed=0))
by_source = [split_of(facts["rule"], source, "") for source in facts["source"]]
by_class = [split_of(facts["rule"] | {{"by": "class"}}, "", name) for name in facts["classes"]]
"""
    read = ran("rules", root, then=check)
    assert read["ids"] == columns["id"]
    assert read["order"] == names
    assert read["by_source"] == columns["split"]
    assert {"train", "valid", "test"} == set(read["by_class"])


def test_the_fingerprints_of_the_page_are_those_on_disk(root: Path):
    (plan_path,) = (root / "imagenet" / "plans").glob("*/plan.json")
    table = parquet.read_table(plan_path.with_name("shuffled.parquet"))
    wanted = ("name", "size", "mtime_ns", "label")
    check = f"""
columns = {[table[name].to_pylist() for name in wanted]!r}
plan = json.loads(Path({str(plan_path)!r}).read_bytes())["body"]
parameters = fingerprint(plan["settings"]["parameters"])
keys, identities = [], []
for shard in plan["shards"]:
    names, sizes, mtimes, labels = (column[shard["first"] :][: shard["count"]] for column in columns)
    receipt = json.loads((dataset / "receipts" / (shard["key"] + ".json")).read_bytes())["body"]
    keys.append((fingerprint([parameters, names, sizes, mtimes, labels]), shard["key"]))
    refused = [one["position"] for one in receipt["refused"]]
    found = fingerprint([parameters, names, labels, receipt["sources"], refused])
    identities.append((found, receipt["identity"]))
plan_names = [fingerprint(plan)[:32], plan["settings"]["selection"], fingerprint([120, None])]
"""
    read = ran("identities", root, then=check)
    assert len(read["keys"]) == 3
    assert all(worked_out == stored for worked_out, stored in read["keys"] + read["identities"])
    assert read["plan_names"][0] == plan_path.parent.name
    assert read["plan_names"][1] == read["plan_names"][2]


RECORDS = {
    ("dataset", "field"): DatasetMark,
    ("plan", "field"): Plan,
    ("plan", "field of `source`"): SourceTree,
    ("plan", "field of `settings`"): PlanSettings,
    ("plan", "field of `parameters`"): Parameters,
    ("plan", "field of one of `shards`"): PlannedShard,
    ("listings", "field"): ListingDigests,
    ("receipt", "field"): Receipt,
    ("receipt", "field of one of `arrays`"): ShardArray,
    ("receipt", "field of an object"): StoredObject,
    ("receipt", "field of one of `refused`"): Refused,
    ("version", "field"): Version,
    ("version", "field of one of `shards`"): VersionShard,
    ("pair-version", "field"): PairVersion,
    ("pair-version", "field of `origin`"): PairOrigin,
    ("bundle", "field"): Bundle,
    ("bundle", "field of one of `files`"): BundleFile,
    ("file-receipt", "field"): FileReceipt,
    ("promotion", "field"): Promotion,
}


def tables_of_page() -> list[tuple[str, str, list[list[str]]]]:
    """Return each table of the page: the heading above it, its first column's title, and its rows of cells."""
    heading, tables, rows = "", [], []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("#"):
            heading = line.strip("# ")
        if not line.startswith("|"):
            rows = []
        elif not rows:
            rows = [cells]
            tables.append((heading, cells[0], rows))
        elif set(line) != set("|-"):
            rows.append(cells)
    return [(heading, title, rows[1:]) for heading, title, rows in tables]


def test_the_page_names_every_field_of_every_record_in_order():
    documented = {
        (heading, title): [row[0].strip("`") for row in rows]
        for heading, title, rows in tables_of_page()
        if title.startswith("field")
    }
    assert documented == {key: [field.name for field in fields(kind)] for key, kind in RECORDS.items()}


def test_the_page_names_every_column_of_every_table_with_its_type():
    listing, shuffled, rows, maps, splits, hypernyms = (
        [(row[0].strip("`"), row[1]) for row in rows] for _, title, rows in tables_of_page() if title == "column"
    )
    assert listing == [(field.name, str(field.type)) for field in LISTING_SCHEMA]
    assert listing + shuffled == [(field.name, str(field.type)) for field in SHUFFLED_SCHEMA]
    assert rows == [(field.name, str(field.type)) for field in ROWS_SCHEMA]
    assert maps == [(field.name, str(field.type)) for field in MAP_SCHEMA]
    assert splits == [(field.name, str(field.type)) for field in SPLIT_SCHEMA]
    assert hypernyms == [(field.name, str(field.type)) for field in HYPERNYM_SCHEMA]


def test_the_snippet_for_words_finds_the_nearest_nouns(tmp_path: Path):
    spelled = {"n00000001": "thing", "n01440764": "tench", "n01443537": "goldfish", "n04487081": "trolleybus"}
    nouns = {wnid: Noun(wnid, (word,), ("n00000001",) * (word != "thing"), "") for wnid, word in spelled.items()}
    folder = create_dataset(tmp_path, "words", kind=WORDS)
    with create_word_vectors(folder.tmp / "vectors", dimensions=2) as writer:
        writer.append(list(spelled.values()), np.array([[-3, -1], [2, 0], [3, 1], [-1, 1]], np.float32))
    stored = store_object(folder, folder.tmp / "vectors", prefix="vectors", suffix=".words")
    words = open_word_vectors(folder.objects / stored.name)
    maps = WordMaps(noun_map(nouns, words), {}, words)
    checked = check_vectors(maps.nouns.vectors, words={}, synsets={}, nouns=nouns, thresholds=Thresholds())
    request = WordRequest("0" * 64, (), (), is_circular=False)
    publish_words(folder, BundleFile("vectors", stored, is_spared=False), maps, checked, request, scratch=folder.tmp)
    assert ran("words", tmp_path)["nearest"] == ["n01440764", "n01443537", "n04487081", "n00000001"]


def test_the_snippet_for_splits_chooses_the_same_classes_and_finds_the_nouns_near_the_seen_ones(tmp_path: Path):
    names = ("n00000001", *(f"n0000001{digit}" for digit in range(10)))
    nouns = {wnid: Noun(wnid, (wnid,), names[:1] * (wnid != names[0]), "") for wnid in names}
    classes = SplitClasses(names[1:], names[1:], ("",) * 10, (True,) * 10)
    choices = choices_by_seed(classes, seeds=(0,), share=0.2)
    folder = create_dataset(tmp_path, "splits-imagenet", kind=SPLITS)
    made, pairs = made_splits(nouns, classes, choices)
    publish_splits(folder, made, pairs, classes, SplitRequest("0" * 64, ()), scratch=folder.tmp)
    read = ran("splits", tmp_path)
    assert read["unseen"] == read["chosen"] == sorted(choices[0].unseen)
    assert len(read["unseen"]) == 2
    assert read["near"] == sorted({names[0], *choices[0].unseen})


def test_the_snippet_for_features_reads_all_vectors_in_the_order_of_rows(tmp_path: Path):
    published = published_features(Tiers(tmp_path, tmp_path))
    read = ran("features", tmp_path)
    np.testing.assert_array_equal(read["vectors"], published.vectors)
    assert list(read["made_of"]) == [field.name for field in fields(FeatureFacts)]


def test_the_page_names_every_key_of_features():
    (keys,) = ([row[0].strip("`") for row in rows] for _, title, rows in tables_of_page() if "features.json" in title)
    assert keys == [field.name for field in fields(FeatureFacts)]


def test_the_page_names_every_key_of_a_lineage():
    (documented,) = ([row[0].strip("`") for row in rows] for _, title, rows in tables_of_page() if "lineage" in title)
    assert documented == [field.name for field in fields(Lineage)]


def test_the_page_names_every_key_of_a_failure_and_its_facts(tmp_path: Path):
    error = DamagedDataset("it is damaged", path=tmp_path, need=2, have=1, remedy="repair it")
    facts = failure_facts(DatasetFolder(tmp_path), "gc", error)
    (documented,) = ([row[0].strip("`") for row in rows] for _, title, rows in tables_of_page() if "failure" in title)
    assert documented == list(facts)
    assert None not in facts.values()


def test_the_page_tells_every_folder_that_a_run_makes(root: Path):
    tree = PAGE.partition("```\n<root>/<dataset>/\n")[2].partition("```")[0]
    told = {line.split()[0].split("/")[0] for line in tree.splitlines() if re.match(r" {4}\S", line)}
    made = {path.name for dataset in ("imagenet", "imagenet-bcolz") for path in (root / dataset).iterdir()}
    assert made <= told
    assert told - made == {"trash", "promotions", "runs", "announced"}
