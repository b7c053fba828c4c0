"""Records: what is read is what was written, or an error says why not."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest
from blake3 import blake3

from storage.errors import DamagedDataset, UnreadableRecord
from storage.records import create_record, encoded, fingerprint, read_record, record_in, write_record


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    count: int
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    seconds: float


FACT = Fact("größe", 7, (1, 2))


def sealed_by_hand(kind: str, format_: int, body: str) -> bytes:
    checksum = blake3(f"{kind} {format_} {body}".encode()).hexdigest()
    return f'{{"blake3":"{checksum}","format":{format_},"kind":"{kind}","body":{body}}}\n'.encode()


def test_a_record_comes_back(tmp_path: Path):
    write_record(tmp_path / "fact.json", "fact", FACT)
    assert read_record(tmp_path / "fact.json", "fact", Fact) == FACT


def test_a_record_is_plain_json_with_the_checksum_that_the_format_document_describes(tmp_path: Path):
    write_record(tmp_path / "fact.json", "fact", FACT)
    assert json.loads((tmp_path / "fact.json").read_text())["body"] == {"name": "größe", "count": 7, "parts": [1, 2]}
    assert (tmp_path / "fact.json").read_bytes() == sealed_by_hand(
        "fact", 2, '{"count":7,"name":"größe","parts":[1,2]}'
    )


def test_every_flipped_bit_is_noticed(tmp_path: Path):
    path = tmp_path / "fact.json"
    write_record(path, "fact", FACT)
    whole = path.read_bytes()
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(flipped)
        with pytest.raises((DamagedDataset, UnreadableRecord)):
            read_record(path, "fact", Fact)


@pytest.mark.parametrize("kept", [0, 1, 50, -1])
def test_a_truncated_record_is_damage(tmp_path: Path, kept: int):
    path = tmp_path / "fact.json"
    write_record(path, "fact", FACT)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedDataset, match=r"fact\.json is "):
        read_record(path, "fact", Fact)


def test_bytes_after_a_record_are_damage(tmp_path: Path):
    path = tmp_path / "fact.json"
    write_record(path, "fact", FACT)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DamagedDataset, match="its content does not match its own checksum"):
        read_record(path, "fact", Fact)


@pytest.mark.parametrize("format_", [1, 3])
def test_a_record_of_another_format_is_unreadable_and_the_remedy_is_named(tmp_path: Path, format_: int):
    path = tmp_path / "fact.json"
    path.write_bytes(sealed_by_hand("fact", format_, '{"count":7,"name":"a","parts":[]}'))
    told = rf"holds a fact of format {format_}; .* reads a fact of format 2\. Use the version that wrote it, or prepare"
    with pytest.raises(UnreadableRecord, match=told):
        read_record(path, "fact", Fact)


def test_a_record_of_another_kind_is_not_the_one_that_was_written(tmp_path: Path):
    write_record(tmp_path / "fact.json", "fact", FACT)
    with pytest.raises(DamagedDataset, match="should hold a plan, it holds a fact"):
        read_record(tmp_path / "fact.json", "plan", Fact)


def test_a_record_with_other_fields_is_unreadable(tmp_path: Path):
    path = tmp_path / "fact.json"
    path.write_bytes(sealed_by_hand("fact", 2, '{"count":"seven","name":"a"}'))
    with pytest.raises(UnreadableRecord, match="cannot read it: Expected `int`, got `str`"):
        read_record(path, "fact", Fact)


def test_a_record_that_came_in_an_archive_is_checked_alike_and_its_errors_name_the_place_it_belongs_to(tmp_path: Path):
    whole = sealed_by_hand("fact", 2, '{"count":7,"name":"größe","parts":[1,2]}')
    assert record_in(whole, "fact", Fact, path=tmp_path / "fact.json") == FACT
    with pytest.raises(DamagedDataset, match=r"/fact\.json is damaged") as raised:
        record_in(whole.replace(b"7", b"8", 1), "fact", Fact, path=tmp_path / "fact.json")
    assert raised.value.facts == {"path": str(tmp_path / "fact.json")}


def test_a_missing_record_is_no_damage(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path / "fact.json", "fact", Fact)


def test_equal_values_have_equal_bytes_whatever_the_order_of_their_keys():
    assert encoded({"b": 1, "a": [1.5, "ü"]}) == encoded({"a": [1.5, "ü"], "b": 1}) == '{"a":[1.5,"ü"],"b":1}'.encode()
    assert fingerprint({"b": 1, "a": 2}) == blake3(b'{"a":2,"b":1}').hexdigest()


@pytest.mark.parametrize("write", [write_record, create_record])
def test_a_value_that_does_not_read_back_is_not_written(tmp_path: Path, write):
    with pytest.raises(TypeError, match="a Measured does not come back equal from its JSON"):
        write(tmp_path / "fact.json", "fact", Measured(math.nan))
    with pytest.raises(TypeError, match="a Fact does not come back equal from its JSON"):
        write(tmp_path / "fact.json", "fact", Fact("a", 1, parts=[1]))  # pyright: ignore[reportArgumentType] the mistake
    assert list(tmp_path.iterdir()) == []


def test_create_leaves_an_existing_record_and_write_replaces_it(tmp_path: Path):
    path = tmp_path / "fact.json"
    assert create_record(path, "fact", FACT)
    assert not create_record(path, "fact", Fact("other", 0))
    assert read_record(path, "fact", Fact) == FACT
    write_record(path, "fact", Fact("other", 0))
    assert read_record(path, "fact", Fact) == Fact("other", 0)
