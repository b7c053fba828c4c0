"""What there is to see of a trained model: its versions, their curves, the samples of their runs, and its pairs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dashboard.catalogue import Catalogue
from dashboard.charts import Chart, chart, grouped
from storage.bundles import Bundle
from storage.errors import DatasetError
from storage.layout import DatasetFolder
from storage.lineage import Lineage
from storage.models import CURVE, HeldOutFigures, lineage_in, result_in
from storage.pair_versions import BAD, GOOD, PairVersion
from storage.plain_files import read_file, require_folder
from storage.publishing import read_published
from storage.tiers import Tiers
from storage.versions import Version
from tasks.ops.run_curve import CurveLine, curve_in, losses_of, metrics_of, schedule_of

logger = logging.getLogger(__name__)

SHOWN_ROWS = 6
MOST_METRICS = 8
_SAMPLE = re.compile(r"(\d{9,12})-([A-Za-z0-9._-]{1,100})\.png")
RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
"""How the directory of a run may be called: what a link names is looked up among these, never joined to a path."""


@dataclass(frozen=True, slots=True)
class SampleSeries:
    """Pictures of one name, by the step after which they were made, ascending."""

    name: str
    steps: tuple[tuple[int, str], ...]
    """The step and the file's name."""


@dataclass(frozen=True, slots=True)
class ModelVersionFacts:
    """All that is told of one version; `lineage` and `held_out` are None where their file cannot be read."""

    version: Bundle
    lineage: Lineage | None
    held_out: HeldOutFigures | None
    charts: tuple[Chart, ...]
    run: str | None
    samples: tuple[SampleSeries, ...]
    card: str


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """Rows that show what a model does: of a dataset's version, which of its arrays is before, and which is wanted."""

    dataset: str
    version: Version | PairVersion
    before: int
    wanted: int


def version_facts(folder: DatasetFolder, version: Bundle) -> ModelVersionFacts:
    """Return what there is of a version; what is damaged is left out, with a warning."""
    run = dict(version.made_of).get("run")
    lines = tuple(_curve(folder, version))
    lineage, held_out = None, None
    try:
        lineage, held_out = lineage_in(folder, version), result_in(folder, version).held_out
    except DatasetError as error:
        logger.warning("figures of version %d of %s are missing: %s", version.number, folder.name, error)
    return ModelVersionFacts(
        version=version,
        lineage=lineage,
        held_out=held_out,
        charts=charts_of(lines, decides=lineage.metric.name if lineage and lineage.metric else None),
        run=run,
        samples=samples_in(folder, run) if run else (),
        card=_text(folder.objects / version.card.name),
    )


def charts_of(lines: tuple[CurveLine, ...], *, decides: str | None) -> tuple[Chart, ...]:
    """Return the panels of a run: losses, the figures of the validations, learning rate and momentum."""
    metrics = grouped(metrics_of(lines))
    names = sorted(metrics, key=lambda name: name != decides)[:MOST_METRICS]
    panels = [chart("losses", losses_of(lines)), *(chart(name, metrics[name]) for name in names)]
    titled = zip(("learning rate", "momentum"), schedule_of(lines), strict=True)
    panels += [chart(title, series) for title, series in titled]
    return tuple(panel for panel in panels if panel is not None)


def samples_in(folder: DatasetFolder, run: str) -> tuple[SampleSeries, ...]:
    """Return the pictures that a run left, by name; none where its directory is gone."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in _sample_files(folder, run):
        if name := _SAMPLE.fullmatch(path.name):
            found.setdefault(name[2], []).append((int(name[1]), path.name))
    return tuple(SampleSeries(name, tuple(sorted(steps))) for name, steps in sorted(found.items()))


def sample_file(folder: DatasetFolder, run: str, name: str) -> Path | None:
    """Return the picture of that name that a run left, None where there is none."""
    wanted = (path for path in _sample_files(folder, run) if path.name == name)
    return next(wanted, None) if _SAMPLE.fullmatch(name) else None


def before_after(tiers: Tiers, lineage: Lineage | None) -> BeforeAfter | None:
    """Return the rows on which to show what a model that improves pictures does; None where there are none."""
    for origin in lineage.origins if lineage else ():
        if origin.role != "rows" or origin.version is None:
            continue
        try:
            found = read_published(tiers.authority(origin.name), origin.version)
        except (DatasetError, ValueError) as error:
            logger.warning("the rows that a model learnt from cannot be shown: %s", error)
            continue
        if isinstance(found, PairVersion):
            return BeforeAfter(origin.name, found, BAD, GOOD)
        if isinstance(found, Version) and len(found.sides) > 1:
            order = sorted(range(len(found.sides)), key=found.sides.__getitem__)
            return BeforeAfter(origin.name, found, order[0], order[-1])
    return None


def held_out_rows(catalogue: Catalogue, *, count: int = SHOWN_ROWS) -> tuple[int, ...]:
    """Return the first rows that a model did not learn from, or the first of all where none were held out."""
    every = tuple(range(min(count, catalogue.version.stored)))
    return catalogue.first_of("test", count) or catalogue.first_of("valid", count) or every


def _sample_files(folder: DatasetFolder, run: str) -> Iterator[Path]:
    if not RUN.fullmatch(run):
        return
    place = folder.runs / run / "samples"
    try:
        for path in (folder.runs, folder.runs / run, place):
            require_folder(path)
    except (FileNotFoundError, DatasetError):
        return
    yield from (path for path in place.iterdir() if path.suffix == ".png")


def _curve(folder: DatasetFolder, version: Bundle) -> list[CurveLine]:
    return curve_in(_bytes(folder.objects / version.file(CURVE).name)) if _has_curve(version) else []


def _has_curve(version: Bundle) -> bool:
    return any(file.name == CURVE for file in version.files)


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        return read_file(path)
    except (FileNotFoundError, DatasetError, OSError) as error:
        logger.warning("%s is not shown: %s", path, error)
        return b""
