"""What a person wants to see of a training run, while it goes on and afterwards: curve and samples, as Markdown."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from storage.run_directory import RunDirectory
from tasks.ops.curve_picture import curve_picture
from tasks.ops.curve_scale import Series
from tasks.ops.markdown import code_span, embedded
from tasks.ops.run_curve import CurveLine, losses_of, metrics_of

logger = logging.getLogger(__name__)

SHOWN_SAMPLES = 4
SAMPLE_SIZE = (900, 1200)
MOST_PIXELS = 50_000_000
"""A larger picture is no sample of ours."""

_SAMPLE = re.compile(r"(\d{9,})-(.+)\.png")


def run_page(run: RunDirectory, lines: Sequence[CurveLine], *, title: str, decides: str | None) -> str:
    """Return the page of a run so far; `decides` is the figure to show first."""
    last = lines[-1] if lines else None
    far = f"Step {last.step:,} of {last.steps:,}, epoch {last.epoch:.2f}." if last else "No step was reported yet."
    return "\n\n".join([f"# {title}", far, curve_image(lines, decides=decides), *sample_images(run)]) + "\n"


def curve_image(lines: Sequence[CurveLine], *, decides: str | None) -> str:
    """Return the curve as an embedded picture."""
    metrics: Series = metrics_of(lines)
    names = sorted(metrics, key=lambda name: name != decides)
    drawn = curve_picture(losses_of(lines), {name: metrics[name] for name in names})
    return embedded("learning curve", drawn, kind="png")


def sample_images(run: RunDirectory) -> list[str]:
    """Return the newest picture of each name, captioned and embedded; one that cannot be read is left out."""
    newest: dict[str, tuple[int, Path]] = {}
    for path in sorted(run.samples.glob("*.png")):
        if name := _SAMPLE.fullmatch(path.name):
            newest[name[2]] = (int(name[1]), path)
    shown = []
    for name, (step, path) in list(newest.items())[:SHOWN_SAMPLES]:
        try:
            shown.append(f"{code_span(name)} after step {step:,}:\n\n{embedded('sample', _small(path), kind='jpeg')}")
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            logger.warning("%s is not shown: %s", path, error)
    return shown


def _small(path: Path) -> bytes:
    """Return a picture as a JPEG that a page has room for."""
    with Image.open(path, formats=["PNG"]) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"it has {picture.width} × {picture.height} pixels")
        shown = picture.convert("RGB")
    shown.thumbnail(SAMPLE_SIZE, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=88)
    return file.getvalue()
