"""How values are told: durations, sizes and times at their edges, lines of charts, Markdown of others, snapshots."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts import HEIGHT, MOST_LINES, MOST_POINTS, WIDTH, chart, grouped
from dashboard.failures import OF_EACH, failures
from dashboard.model_facts import before_after, sample_file, samples_in
from dashboard.rendering import markdown
from dashboard.shelf import shelf_line, shelf_lines, uses_of
from dashboard.snapshots import Snapshot
from dashboard.wording import MOST_REASON, ago, figure, lasting, moment, one_line, plain, share, size
from storage.lineage import Lineage, Origin
from tasks.ops.curve_scale import LOGARITHMIC_FROM
from tests.dashboard.asking import Markup
from tests.dashboard.conftest import visitor_of
from tests.dashboard.small_roots import MARKUP, RUN, SAMPLES, Roots, write_failure

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

# ---- Durations, times, sizes


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "2 h"), (172_799, "48 h"), (172_800, "2 days"),
     (8_640_000, "100 days"), (None, "–"), (timedelta(minutes=3), "3 min")],
)  # fmt: skip
def test_durations_are_told_in_the_largest_unit_that_makes_sense(seconds: float | timedelta | None, told: str):
    assert lasting(seconds) == told


@pytest.mark.parametrize(
    ("at", "told"),
    [(NOW, "0 s ago"), ("2026-11-22T11:00:00", "60 min ago"), ("2026-11-22T13:00:00+01:00", "0 s ago"),
     (NOW + timedelta(minutes=5), "in 5 min"), (None, "never"), ("", "never"), ("soon", "never"),
     ("0001-01-01T00:00:00+14:00", "never"), ("9999-12-31T23:59:59-14:00", "never")],
)  # fmt: skip
def test_times_are_told_by_how_long_ago_they_were(at: datetime | str | None, told: str):
    assert ago(at, NOW) == told


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11)), None])) | st.text() | st.none())
def test_every_time_has_an_age(at: datetime | str | None):
    assert ago(at, NOW)
    found = moment(at)
    assert found is None or found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_900, "99.9 kB"), (123_456, "123 kB"), (5e12, "5.0 TB"),
     (2e16, "20.0 PB"), (None, "–"), (-2000, "-2.0 kB")],
)  # fmt: skip
def test_sizes_are_told_in_powers_of_1000(count: float | None, told: str):
    assert size(count) == told


@pytest.mark.parametrize(("value", "told"), [(None, "–"), (0, "0 %"), (1, "100 %"), (0.1234, "12.3 %")])
def test_shares_are_told_as_per_cent(value: float | None, told: str):
    assert share(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "no number"), (0.123456, "0.1235"), (12345.6, "1.235e+04"), (2e6, "2,000,000"), (math.nan, "nan")],
)
def test_figures_have_four_digits(value: float | None, told: str):
    assert figure(value) == told


# ---- Text of others


@pytest.mark.parametrize(
    ("message", "reason"),
    [("", ""), ("\n \n", ""), ("one\ntwo", "one"), ("Flow run encountered an exception: why\nand", "why"),
     ("Task run encountered an exception. why", "why"), ("x" * 1000, "x" * (MOST_REASON - 1) + "…")],
)  # fmt: skip
def test_a_reason_is_the_first_line_of_a_message(message: str, reason: str):
    assert one_line(message) == reason


@given(st.text(st.characters(exclude_categories=())))
def test_plain_text_can_be_sent_and_neither_breaks_nor_turns_a_line(text: str):
    shown = plain(text)
    assert shown.encode().decode() == shown
    assert not set(shown) & {*map(chr, range(32)), "\x7f", "\u2028", "\u202e"}


@pytest.mark.parametrize(
    "card",
    [MARKUP, "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](vbscript:x)", "<javascript:alert(1)>",
     "![x](data:text/html,<script>alert(1)</script>)", "[x](data:image/svg+xml,<svg onload=alert(1)>)",
     '[x](http://a "onload=alert(1)")', "| a |\n|--:|\n| <b> |", "<!-- --><style>*{}</style>",
     '# "><img src=x onerror=y>'],
)  # fmt: skip
def test_markdown_of_others_is_inert(card: str):
    found = Markup(str(markdown(card)))
    assert not {tag for tag, _ in found.elements} & {"script", "style", "b", "iframe", "svg"}
    for _, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    for link in found.values("href", "src"):
        assert link.startswith(("http://a", "data:image/"))
        assert "svg" not in link


def test_columns_and_headings_of_markdown_stand_as_they_are_meant():
    html = str(markdown("# Card\n\n## Figures\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n##### deep"))
    assert "<h3>Card</h3>" in html
    assert "<h4>Figures</h4>" in html
    assert "<h5>deep</h5>" in html
    assert html.count('class="right"') == 2


@given(st.text())
def test_no_markdown_fails_or_brings_a_script(text: str):
    assert not {tag for tag, _ in Markup(str(markdown(text))).elements} & {"script", "style"}


# ---- Charts

numbers = st.floats(width=32) | st.floats(1e-300, 1e-250) | st.sampled_from((0.0, -1.0, 1.0, 5e-324, 1e300))
curves = st.dictionaries(
    st.text(max_size=5), st.lists(st.tuples(st.integers(0, 10**9), numbers), max_size=12), max_size=9
)


@given(curves)
def test_every_point_of_every_chart_is_within_its_frame(series: dict[str, list[tuple[int, float]]]):
    found = chart("x", series)
    finite = {name for name, points in series.items() if any(math.isfinite(value) for _, value in points)}
    if found is None:
        assert not finite
        return
    assert {*(line.name for line in found.lines), *found.left_out} == finite
    assert len(found.lines) == min(len(finite), MOST_LINES)
    for line in found.lines:
        for pair in line.points.split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= WIDTH
            assert -0.1 <= y <= HEIGHT + 0.1
    assert all(math.isfinite(tick.y) for tick in found.ticks)


def test_a_steady_line_is_drawn_in_the_middle_and_a_single_point_is_a_line():
    for points in ([(0, 5.0), (10, 5.0)], [(3, 5.0)], [(0, 0.0)]):
        found = chart("x", {"a": points})
        assert found is not None
        (high, middle, low) = (tick.y for tick in found.ticks)
        assert found.lines[0].y == middle == (high + low) / 2
        assert found.lines[0].last == points[-1][1]


@pytest.mark.parametrize(("high", "is_logarithmic"), [(LOGARITHMIC_FROM, False), (LOGARITHMIC_FROM + 1, True)])
def test_wide_ranges_of_positive_numbers_are_logarithmic(high: float, is_logarithmic: bool):
    found = chart("x", {"a": [(0, 1.0), (5, float(high))]})
    assert found is not None
    assert found.is_logarithmic is is_logarithmic
    below_zero = chart("x", {"a": [(0, -1.0), (5, 1e6)]})
    assert below_zero is not None
    assert not below_zero.is_logarithmic


def test_what_is_no_number_is_left_out_of_a_line():
    found = chart("x", {"a": [(0, math.nan), (1, 1.0), (2, math.inf)], "b": [(0, math.nan)]})
    assert found is not None
    assert [(line.name, len(line.points.split())) for line in found.lines] == [("a", 1)]


def test_long_lines_are_thinned_and_keep_their_last_point():
    found = chart("x", {"a": [(step, float(step)) for step in range(10_001)]})
    assert found is not None
    assert len(found.lines[0].points.split()) <= MOST_POINTS
    assert (found.lines[0].last, found.last_step) == (10_000, 10_000)


def test_a_figure_named_after_another_is_drawn_beside_it():
    series = {"psnr_y": [(1, 1.0)], "bicubic_psnr_y": [(1, 2.0)], "loss": [(1, 3.0)]}
    assert {name: list(lines) for name, lines in grouped(series).items()} == {
        "psnr_y": ["psnr_y", "bicubic_psnr_y"],
        "loss": ["loss"],
    }


# ---- Snapshots


def test_who_asks_at_once_waits_for_one_reading():
    reads: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def read() -> int:
        reads.append(1)
        begun.set()
        go_on.wait()
        return len(reads)

    snapshot = Snapshot(read, seconds=1000)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(snapshot.get().value)) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    go_on.set()
    for thread in threads:
        thread.join()
    assert (found, reads) == ([1] * 8, [1])


def test_an_old_value_is_read_anew_and_what_is_raised_is_not_kept():
    values = iter((1, 2))
    snapshot = Snapshot(lambda: next(values), seconds=0)
    first, second = snapshot.get(), snapshot.get()
    assert (first.value, second.value) == (1, 2)
    assert first.read_at <= second.read_at
    with pytest.raises(StopIteration):
        snapshot.get()


# ---- What lies below the roots


def test_every_dataset_but_models_has_a_line_of_its_state(kept_roots: Roots):
    lines = {line.name: line for line in shelf_lines(kept_roots.tiers)}
    wanted = {
        "photos",
        "words",
        "splits-photos",
        "features-photos-devise",
        "hostile",
        "nothing",
        "photos-plain",
        "torn",
    }
    assert set(lines) == wanted
    photos, torn, nothing = lines["photos"], lines["torn"], lines["nothing"]
    assert (photos.rows, photos.classes, photos.refused, photos.versions, photos.current) == (12, 3, 0, (1,), 1)
    assert photos.staged is not None
    assert 0 < photos.staged < 1
    assert (torn.current, torn.rows, torn.problem) == (None, None, "")
    assert (nothing.rows, nothing.refused) == (0, 2)


def test_a_dataset_that_cannot_be_read_has_a_line_that_says_why(roots: Roots):
    roots.folder("photos").marker.write_text("{")
    line = shelf_line(roots.tiers, roots.folder("photos"))
    assert (line.kind, line.current) == ("?", None)
    assert "dataset.json" in line.problem
    with visitor_of(roots) as visitor:
        assert "dataset.json" in Markup(visitor.get("/datasets").text).text


def test_what_was_made_of_a_dataset_is_found(kept_roots: Roots):
    found = {(use.name, use.kind): use.is_promoted for use in uses_of(kept_roots.tiers, "photos")}
    assert found == {
        ("photos-plain", "pairs"): False,
        ("features-photos-devise", "features"): False,
        ("devise", "models"): True,
        ("words", "words"): False,
    }


def test_roots_that_are_not_there_have_nothing_to_show(tmp_path: Path):
    place = tmp_path / "r\udcffoots"
    with visitor_of(Roots(place)) as visitor:
        for path in ("/", "/datasets", "/models", "/words", "/search", "/disks"):
            answer = visitor.get(path)
            assert (answer.status, answer.error) == (200, None), path
    assert not place.exists()


def test_failures_are_told_once_they_are_overcome_and_the_last_of_each(roots: Roots):
    (failure,) = failures(roots.tiers)
    assert (failure.dataset, failure.command, failure.is_overcome) == ("photos", "prepare_images", True)
    assert failure.reason == f"it broke on {MARKUP}"
    write_failure(roots.folder("photos"), at="2100-01-01T00:00:00+00:00")
    assert [failure.is_overcome for failure in failures(roots.tiers)] == [False]
    logs = roots.folder("photos").logs
    text = next(logs.glob("*.failure.json")).read_text()
    for number in range(OF_EACH + 2):
        (logs / f"20990101T00000{number}-1.failure.json").write_text(text)
    (logs / "20990101T000009-1.failure.json").write_text("{}")
    assert len(failures(roots.tiers)) == OF_EACH - 1


@pytest.mark.parametrize("at", ["", "soon", "0001-01-01T00:00:00+14:00"])
def test_a_failure_that_tells_no_time_is_told(roots: Roots, at: str):
    write_failure(roots.folder("photos"), at=at)
    with visitor_of(roots) as visitor:
        assert "never" in Markup(visitor.get("/").text).text


def test_samples_are_found_by_name_and_step_and_nothing_else_is(roots: Roots):
    folder = roots.folder("model-faces")
    place = folder.runs / RUN / "samples"
    for name in ("12-faces.png", "000000003-faces.jpg", "000000003-<b>.png", "x.png"):
        (place / name).write_bytes(b"")
    (series,) = samples_in(folder, RUN)
    assert (series.name, series.steps) == ("faces", ((2, SAMPLES[0]), (9, SAMPLES[1])))
    assert sample_file(folder, RUN, SAMPLES[0]) == place / SAMPLES[0]
    for run, name in ((RUN, "x.png"), ("..", SAMPLES[0]), (f"../runs/{RUN}", SAMPLES[0]), ("nothing", SAMPLES[0])):
        assert sample_file(folder, run, name) is None


def test_rows_to_show_a_model_on_are_those_that_it_learnt_from(kept_roots: Roots):
    def of(*origins: Origin) -> tuple[str, int, int] | None:
        lineage = Lineage("superres", "1" * 64, None, origins, (), (), seed=0, processes=1, device="cpu")
        found = before_after(kept_roots.tiers, lineage)
        return found and (found.dataset, found.before, found.wanted)

    assert before_after(kept_roots.tiers, None) is None
    assert of(Origin("rows", "photos", 1, "")) == ("photos", 1, 0)
    assert of(Origin("words", "photos", 1, ""), Origin("rows", "photos", None, "")) is None
    assert of(Origin("rows", "../photos", 1, ""), Origin("rows", "photos", 9, "")) is None
    pairs = of(Origin("rows", "photos-plain", 1, ""))
    assert pairs is not None
    assert pairs[0] == "photos-plain"
