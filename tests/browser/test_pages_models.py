"""What trained models of the premises show: decisions, sliders over what they make, curves, and films of samples."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import NewPage
from tests.browser.views import see_all

pytestmark = pytest.mark.slow


def test_the_incumbent_and_a_refused_candidate_are_told_apart_with_the_reason(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    page.goto("/models")
    expect(page.locator(".card", has=page.get_by_role("link", name="superres"))).to_contain_text("in use version 1")
    expect(page.locator(".card", has=page.get_by_role("link", name="digits"))).to_contain_text("no version yet")
    page.get_by_role("link", name="superres").click()
    candidate, incumbent = page.get_by_role("table").first.locator("tbody tr").all()
    expect(incumbent).to_contain_text("in use")
    expect(candidate).to_contain_text("candidate")
    expect(candidate).to_contain_text(re.compile(r"it is not better: psnr_y .* of version 1 on the same held-out rows"))
    candidate.get_by_role("link", name="2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("superres version 2")
    expect(page.locator("tr.chosen")).to_contain_text("candidate")


def test_the_slider_uncovers_what_lies_below_by_keys_and_by_pointer(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    page.goto("/datasets/pictures-numbers/1/rows/0")
    see_all(page)
    stage, slider = page.locator(".stage"), page.get_by_role("slider")
    slider.focus()
    expect(slider).to_have_value("50")
    page.keyboard.press("End")
    all_before = shown(stage)
    page.keyboard.press("Home")
    all_after = shown(stage)
    size = (all_before.shape[1], all_before.shape[0])
    before, after = (
        np.asarray(picture_of(page, image).resize(size), np.float32)
        for image in (stage.locator(".over img"), stage.locator(".half:not(.over) img"))
    )
    assert difference(all_before, before) < difference(all_before, after)
    assert difference(all_after, after) < difference(all_after, before)
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("1")
    box = stage.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    expect(slider).to_have_value("75")
    mixed, third = shown(stage), all_before.shape[1] // 3
    # Away from the edge between them, the left is the one picture and the right the other.
    assert difference(mixed[:, :third], all_before[:, :third]) < difference(mixed[:, :third], all_after[:, :third])
    assert difference(mixed[:, -third // 2 :], all_after[:, -third // 2 :]) < 1


def shown(place: Locator) -> NDArray[np.float32]:
    """Return what a person sees in a place, `(h, w, 3)` in 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(place.screenshot())).convert("RGB"), np.float32)


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.abs(one - other).mean())


def test_after_is_made_by_the_model_and_nearer_to_what_it_should_be_than_plain_scaling(
    new_page: NewPage, big_dashboard: str
):
    page = new_page(big_dashboard)
    page.goto("/models/superres")
    see_all(page)
    plain, made = [], []
    for figure in page.locator(".compare").all():
        before = picture_of(page, figure.locator(".over img"))
        after, wanted = (
            np.asarray(picture_of(page, figure.locator(place)), np.float32)
            for place in (".half:not(.over) img", "details img")
        )
        scaled = np.asarray(before.resize(after.shape[1::-1], Image.Resampling.BICUBIC), np.float32)
        plain.append(np.square(scaled - wanted).mean())
        made.append(np.square(after - wanted).mean())
    assert len(made) == 6
    assert np.mean(made) < np.mean(plain)


def picture_of(page: Page, image: Locator) -> Image.Image:
    """Return the picture of the server that an element shows."""
    path = image.get_attribute("src")
    assert path
    return Image.open(io.BytesIO(page.request.get(path).body())).convert("RGB")


def test_samples_of_a_run_are_a_film_that_the_arrow_keys_wind_back(new_page: NewPage, big_dashboard: str):
    page = new_page(big_dashboard)
    page.goto("/models/wgan")
    see_all(page)
    film = page.locator("[data-film]")
    expect(film.locator("img:visible")).to_have_count(1)
    expect(film.locator(".step")).to_have_text("after step 20")
    last = shown(film.locator("img:visible"))
    film.get_by_role("slider").focus()
    for step in (18, 12, 6):
        page.keyboard.press("ArrowLeft")
        expect(film.locator(".step")).to_have_text(f"after step {step}")
        expect(film.get_by_role("slider")).to_have_attribute("aria-valuetext", f"after step {step}")
        expect(film.locator("img:visible")).to_have_count(1)
    assert difference(shown(film.locator("img:visible")), last) > 0.1


@pytest.mark.parametrize("model", ["superres", "gan-generator", "wgan"])
def test_curves_are_lines_of_several_points_within_their_frame(new_page: NewPage, big_dashboard: str, model: str):
    page = new_page(big_dashboard)
    page.goto(f"/models/{model}")
    charts = page.locator(".chart > svg")
    assert charts.count() >= 3
    expect(charts.first).to_have_attribute("aria-label", re.compile("losses over .* steps; .* ends at"))
    for line in page.locator(".chart polyline").all():
        points = [tuple(map(float, each.split(","))) for each in (line.get_attribute("points") or "").split()]
        assert all(0 <= x <= 640 and 0 <= y <= 220 for x, y in points)
        assert [x for x, _ in points] == sorted(x for x, _ in points)
    lines = page.locator(".chart", has_text="losses").locator("polyline").first.get_attribute("points") or ""
    assert len(lines.split()) >= 10
