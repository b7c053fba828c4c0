"""A map of words in two dimensions, for a person to look at. Pure: vectors in, the bytes of a PNG out.

The two directions are those in which the vectors vary most (PCA): neighbours here may be far apart in all the others.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1200, 840
LEGEND = 170
MARGIN = 24
DOT = 4
"""Radius of a dot, pixels."""
LABELS = 90
PAPER, INK, OTHER = (250, 250, 248), (60, 60, 60), (176, 176, 170)
COLOURS = (
    *((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233), (150, 130, 0)),
    *((110, 80, 160), (120, 70, 40)),
)
"""For the branches with most words; the first seven after Okabe and Ito, told apart by the colour-blind, too."""

Box = tuple[float, float, float, float]


def draw_words(vectors: NDArray[np.float32], labels: Sequence[str], branches: Sequence[str]) -> bytes:
    """Return a PNG of `vectors` `(n, d)`, a dot each in the colour of its branch, and as many labels as have room.

    Raises:
        ValueError: there are not as many labels and branches as vectors, or fewer than two vectors.
    """
    if not len(vectors) == len(labels) == len(branches) or len(vectors) < 2:
        raise ValueError(
            f"a map needs at least 2 vectors and a label and a branch for each, got {len(vectors)} vectors,"
            f" {len(labels)} labels and {len(branches)} branches"
        )
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    centres = _placed(principal_plane(vectors))
    colours = branch_colours(branches)
    for (x, y), branch in zip(centres, branches, strict=True):
        draw.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), fill=colours.get(branch, OTHER), outline=PAPER)
    _draw_labels(draw, centres, labels)
    _draw_legend(draw, Counter(branches), colours)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def principal_plane(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the first two principal components `(n, 2)`; zeros where the vectors have only one dimension."""
    shifted = vectors - vectors.mean(axis=0, dtype=np.float64)
    # By the small matrix (d, d), because there may be 82,115 rows.
    directions = np.linalg.eigh(shifted.T @ shifted)[1][:, ::-1][:, :2]
    # An eigenvector's sign is arbitrary; with a rule for it the same vectors give the same picture.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    plane = np.zeros((len(vectors), 2))
    plane[:, : directions.shape[1]] = shifted @ directions
    return plane


def branch_colours(branches: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Return a colour for each of the branches with most words, equal numbers by name; the others have none."""
    ranked = sorted(Counter(branches).items(), key=lambda each: (-each[1], each[0]))
    return {branch: colour for (branch, _), colour in zip(ranked, COLOURS, strict=False)}


def _placed(plane: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the pixel of each point, both directions to the same scale."""
    low, high = plane.min(axis=0), plane.max(axis=0)
    room = np.array([WIDTH - LEGEND - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    span = high - low
    # In a direction in which nothing varies, any scale will do.
    scale = min((room[way] / span[way] for way in np.flatnonzero(span > 0)), default=0.0)
    centred = (plane - (low + high) / 2) * scale
    return [(x, y) for x, y in (centred + room / 2 + MARGIN).tolist()]


def _draw_labels(draw: ImageDraw.ImageDraw, centres: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Write labels beside their dots until `LABELS` are there; one that would cover another is left out."""
    font = ImageFont.load_default(12)
    taken: list[Box] = []
    for place in _far_first(np.array(centres)):
        if len(taken) == LABELS:
            break
        x, y = centres[place]
        text = labels[place].replace("_", " ")
        box = draw.textbbox((x + DOT + 2, y), text, font=font, anchor="lm")
        if box[2] < WIDTH - LEGEND and box[1] > 0 and box[3] < HEIGHT and not any(_overlap(box, old) for old in taken):
            # The halo keeps it legible over the dots of others.
            draw.text((x + DOT + 2, y), text, fill=INK, font=font, anchor="lm", stroke_width=2, stroke_fill=PAPER)
            taken.append(box)


def _far_first(points: NDArray[np.float64]) -> Iterator[int]:
    """Yield each place once, always the point that is farthest from all those before, for `4 * LABELS` points."""
    distances = np.hypot(*(points - points.mean(axis=0)).T)
    for _ in range(min(len(points), 4 * LABELS)):
        place = int(distances.argmax())
        yield place
        distances = np.minimum(distances, np.hypot(*(points - points[place]).T))
        distances[place] = -1


def _overlap(first: Box, second: Box) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _draw_legend(draw: ImageDraw.ImageDraw, counts: Counter[str], colours: dict[str, tuple[int, int, int]]) -> None:
    font = ImageFont.load_default(14)
    rows = [(f"{branch} ({counts[branch]:,})", colour) for branch, colour in colours.items()]
    others = sum(count for branch, count in counts.items() if branch not in colours)
    if others:
        rows.append((f"others ({others:,})", OTHER))
    x = WIDTH - LEGEND + MARGIN
    for number, (text, colour) in enumerate(rows):
        y = 2 * MARGIN + 24 * number
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=colour)
        draw.text((x + 14, y), text, fill=INK, font=font, anchor="lm")
