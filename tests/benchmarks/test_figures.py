"""What the benchmarks say of their own figures: how good a shuffle is, and whether a target was met."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import increment, prefect_share
from benchmarks.shuffle_quality import CHUNK, shuffle_quality
from benchmarks.targets import Target, missed, target_table

ROWS = 16 * CHUNK
LABELS = np.arange(ROWS) % 500


@pytest.mark.slow
def test_a_random_permutation_is_as_good_as_chance():
    found = shuffle_quality(np.random.default_rng(0).permutation(ROWS), LABELS, batch=64)
    assert found.distance == pytest.approx(1 - np.sqrt(0.5), abs=0.01)
    assert found.together == pytest.approx(CHUNK / ROWS, abs=0.005)
    assert found.classes == pytest.approx(500 * (1 - (1 - 1 / 500) ** 64), abs=0.3)


def test_the_order_on_disk_is_no_shuffle():
    found = shuffle_quality(np.arange(ROWS), LABELS, batch=64)
    assert found.distance == 1 / ROWS
    assert (found.together, found.classes) == (1.0, 64.0)


def test_chunks_in_random_order_are_told_from_a_permutation_by_who_shares_a_batch():
    chunks = np.random.default_rng(0).permutation(16)
    order = (
        chunks[:, None] * CHUNK + np.random.default_rng(1).permuted(np.tile(np.arange(CHUNK), (16, 1)), axis=1)
    ).ravel()
    assert shuffle_quality(order, LABELS, batch=64).together == 1.0


def test_rows_that_an_epoch_leaves_out_do_not_count():
    order = np.random.default_rng(0).permutation(ROWS)[: ROWS - 100]
    assert shuffle_quality(order, LABELS, batch=64).distance == pytest.approx(1 - np.sqrt(0.5), abs=0.01)


def test_a_target_is_met_from_its_own_side():
    most, least = Target("cost", 1.2, 1.25), Target("rate", 900, 1000, is_least=True)
    assert (most.is_met, least.is_met) == (True, False)
    assert missed([most, least]) == ["rate: 900, wanted ≥ 1,000"]
    assert "| rate | 900 | ≥ 1,000 | **no** |" in target_table([most, least])


def test_prefects_share_is_the_slope_of_process_and_server_and_not_the_noise_of_workers():
    spent = {
        ("with", 2_000): prefect_share.Spent(total=15.0, workers=5.0, process=1.0, server=1.0),
        ("with", 20_000): prefect_share.Spent(total=51.0, workers=41.0, process=1.36, server=1.36),
        ("without", 2_000): prefect_share.Spent(total=6.0, workers=5.0, process=0.5, server=0.0),
        ("without", 20_000): prefect_share.Spent(total=60.0, workers=59.0, process=0.68, server=0.0),
    }
    found = prefect_share.Runs(2_000, 20_000, spent)
    # 0.02 ms of the process and 0.02 of the server with Prefect, 0.01 of the process without it, of 2 ms in all.
    assert found.share(lambda each: each.process + each.server) == pytest.approx(100 * 0.03 / 2.0)
    assert found.share(lambda each: each.total) == pytest.approx(-50.0)


def test_the_work_of_an_increment_is_what_it_costs_beyond_a_flow_without_images():
    def run(images: int, *, again: int = 0) -> increment.Run:
        # 4 s whatever there is to do, and 2 ms an image.
        own, building = 4.0, 0.002 * (images + again)
        return increment.Run(20, 4, images, 150_000 * images, 14.0 + building, building, own)

    as_it_should_be = increment.Runs(run(20_000), run(0), run(200), run(200))
    assert as_it_should_be.fixed_seconds == pytest.approx(4.0)
    assert as_it_should_be.share_of_work == pytest.approx(0.01)
    redoing_a_tenth = increment.Runs(run(20_000), run(0), run(200, again=2_000), run(200))
    assert redoing_a_tenth.share_of_work == pytest.approx(0.11)
