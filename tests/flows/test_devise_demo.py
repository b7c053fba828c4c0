"""From pictures to names of classes that were never shown, by the commands, on half of the demonstration set."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.devise import Commands, backbone, head, prepared


@pytest.mark.slow
def test_classes_that_were_never_shown_are_named_far_above_chance_and_by_the_control_at_chance(tmp_path: Path):
    commands = Commands(tmp_path)
    prepared(commands, each=20)
    backbone(commands, 0)
    found, _ = head(commands, 0, "softmax")
    assert found["unseen_hit1"] > 3 * found["chance_hit1"]
    assert found["unseen_hit10"] > 2 * found["chance_hit10"]
    for k in (1, 5, 10):
        assert found[f"unseen_hit{k}_low"] > found[f"chance_hit{k}"]
        assert found[f"control_unseen_hit{k}"] < 2 * found[f"chance_hit{k}"]
