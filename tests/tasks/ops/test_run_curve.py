"""The curve of a run is followed while it is written, cut and written anew."""

from __future__ import annotations

import json
from pathlib import Path

from storage.run_directory import RunDirectory
from tasks.ops.run_curve import CurveTail, curve_in, losses_of, metrics_of


def train(step: int, loss: float | None = 1.0) -> bytes:
    return json.dumps({"kind": "train", "step": step, "steps": 9, "losses": {"loss": loss}}).encode() + b"\n"


def steps(tail: CurveTail) -> list[int]:
    return [line.step for line in tail.lines]


def test_only_what_was_added_is_read_and_half_a_line_waits(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    tail = CurveTail(path)
    assert not tail.follow()
    path.write_bytes(train(1) + train(2)[:20])
    assert tail.follow()
    assert steps(tail) == [1]
    assert not tail.follow()
    with path.open("ab") as file:
        file.write(train(2)[20:] + train(3))
    assert tail.follow()
    assert steps(tail) == [1, 2, 3]


def test_a_curve_that_is_cut_when_its_run_goes_on_is_followed_from_its_beginning(tmp_path: Path):
    run = RunDirectory(tmp_path)
    run.metrics.write_bytes(b"".join(map(train, range(1, 7))))
    tail = CurveTail(run.metrics)
    tail.follow()
    run.cut_metrics(4)
    tail.follow()
    assert steps(tail) == [1, 2, 3, 4]
    run.append_metrics({"kind": "valid", "step": 5, "steps": 9, "metrics": {"psnr": 30.0}})
    tail.follow()
    assert metrics_of(tail.lines) == {"psnr": [(5, 30.0)]}


def test_what_is_no_line_or_no_number_is_left_out():
    lines = curve_in(train(1) + b"{}\n" + b"\xff\n" + train(2, None) + train(3)[:-1])
    assert [line.step for line in lines] == [1, 2]
    assert losses_of(lines) == {"loss": [(1, 1.0)]}
