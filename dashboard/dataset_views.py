"""What there is of each dataset: versions, sizes, where its shards are, how it was checked, what was refused."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.attempts import attempted
from dashboard.looking_up import dataset_named, number_asked, published_version
from dashboard.rendering import page
from dashboard.shelf import shards_staged, shelf_line, uses_of
from dashboard.site import Site
from storage.bundles import Bundle
from storage.digests import digest_of
from storage.errors import DamagedDataset
from storage.layout import DatasetFolder
from storage.pair_versions import PairVersion
from storage.plain_files import read_file
from storage.plans import SourceTree, read_plan
from storage.publishing import AnyVersion
from storage.versions import Version
from tasks.ops.refusal_reasons import EXPLANATIONS, Explanation

SHOWN_REFUSED = 200
MOST_SQUARES = 2000
"""More shards than that are drawn several to a square."""


@dataclass(frozen=True, slots=True)
class RefusedGroup:
    """The refused inputs of one reason: how many, what it means, and the first of them as name and detail."""

    reason: str
    count: int
    explanation: Explanation | None
    first: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Squares:
    """Shards as squares: of how many shards each is, and the share of them that is on the fast disk, in [0, 1]."""

    each: int
    shares: tuple[float, ...]
    staged: int
    shards: int


def dataset_routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of this view."""

    def datasets(request: Request) -> Response:
        return page(request, "datasets.html", {"shelf": site.shelf.get(), "tiers": site.tiers})

    def dataset(request: Request) -> Response:
        folder = dataset_named(site, request.path_params["name"])
        number = number_asked(request, "version", default=0)
        version = published_version(site, folder, number or None)
        line = shelf_line(site.tiers, folder)
        facts, no_facts = attempted(lambda: facts_of(folder, version), otherwise=[])
        refused, no_report = attempted(lambda: refused_of(folder, version), otherwise=())
        squares, no_squares = attempted(lambda: squares_of(site, folder.name, version), otherwise=None)
        counts, no_counts = attempted(lambda: _counts(site, folder.name, version), otherwise=[])
        values = {
            "line": line,
            "version": version,
            "facts": facts,
            "uses": uses_of(site.tiers, folder.name),
            "refused": refused,
            "squares": squares,
            "counts": counts,
            # Each once: one lost file may keep several parts from being shown.
            "problems": dict.fromkeys(filter(None, (line.problem, no_facts, no_report, no_squares, no_counts))),
        }
        return page(request, "dataset.html", values)

    return [Route("/datasets", datasets), Route("/datasets/{name}", dataset)]


def facts_of(folder: DatasetFolder, version: AnyVersion) -> list[tuple[str, str]]:
    """Return what a version was made of, as names and texts."""
    if isinstance(version, Bundle):
        return list(version.made_of)
    if isinstance(version, PairVersion):
        origin = version.origin
        return [
            ("made of", f"{origin.dataset}, version {origin.number}, at {origin.side} pixels"),
            ("recipe", version.recipe_name),
            ("bad pictures", f"{version.bad_side} pixels"),
            ("format", version.array_format),
        ]
    source = _source(folder, version)
    return [
        ("source", source.root if source else version.source),
        *([("labels", source.labels)] if source and source.labels else []),
        ("sizes", ", ".join(f"{side} pixels" for side in version.sides)),
        ("format", version.array_format),
        ("fidelity", f"{version.parameters.fidelity}, {version.parameters.interpolation}"),
        ("held out by", version.parameters.split.by),
        ("libraries", ", ".join(f"{name} {number}" for name, number in version.parameters.libraries)),
    ]


def refused_of(folder: DatasetFolder, version: AnyVersion) -> tuple[RefusedGroup, ...]:
    """Return what a version refused, by reason, the commonest first.

    Raises:
        DamagedDataset: its report is not what was published.
    """
    if not isinstance(version, Version) or not version.refused:
        return ()
    text = _report(folder, version).decode()
    counts: Counter[str] = Counter()
    first: dict[str, list[tuple[str, str]]] = {}
    for line in csv.DictReader(io.StringIO(text)):
        reason = line.get("reason") or "?"
        counts[reason] += 1
        shown = first.setdefault(reason, [])
        if len(shown) < SHOWN_REFUSED:
            shown.append((line.get("name") or "", line.get("detail") or ""))
    return tuple(
        RefusedGroup(reason, count, EXPLANATIONS.get(reason), tuple(first[reason]))
        for reason, count in counts.most_common()
    )


def _report(folder: DatasetFolder, version: Version) -> bytes:
    path = folder.objects / version.report.name
    content = read_file(path)
    if digest_of(content) != version.report.digest:
        raise DamagedDataset(
            f"{path} is not the report that was published", path=path, remedy=f"run: imagemill repair {folder.name}"
        )
    return content


def squares_of(site: Site, dataset: str, version: AnyVersion) -> Squares | None:
    """Return where the shards of a version are; None where there is one disk only, or no shards."""
    if isinstance(version, Bundle) or not site.tiers.is_split:
        return None
    staged = shards_staged(site.tiers, dataset, version)
    each = max(1, -(-len(staged) // MOST_SQUARES))
    parts = [staged[start : start + each] for start in range(0, len(staged), each)]
    return Squares(each, tuple(sum(part) / len(part) for part in parts), sum(staged), len(staged))


def _counts(site: Site, dataset: str, version: AnyVersion) -> list[tuple[int, str, int]]:
    """Return label, name and number of rows of each class."""
    if isinstance(version, Bundle) or not version.stored:
        return []
    counts = site.catalogues.of(dataset, version).counts.tolist()
    return [(label, name, count) for label, (name, count) in enumerate(zip(version.classes, counts, strict=True))]


def _source(folder: DatasetFolder, version: Version) -> SourceTree | None:
    try:
        return read_plan(folder, version.plan).source
    except FileNotFoundError:
        return None
