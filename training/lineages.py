"""Finds out what a run is made of: what its recipe names, the code, the libraries."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from storage.digests import object_digest
from storage.lineage import Code, Lineage, Origin
from storage.records import fingerprint
from training.configuration import Configuration, without_free
from training.recipes import Recipe

LIBRARIES = ("torch", "torchvision", "numpy", "Pillow-SIMD", "pillow")
_GIT_SECONDS = 20


def lineage_of(recipe: Recipe, configuration: Configuration, *, processes: int, device: str) -> Lineage:
    """Return what a run of pinned settings is made of."""
    origins = tuple(recipe.origins(configuration.recipe))
    return Lineage(
        recipe=recipe.name,
        request=fingerprint([without_free(configuration.table), processes, [origin.digest for origin in origins]]),
        metric=recipe.metric,
        origins=origins,
        code=(_code_of(recipe),),
        libraries=tuple((name, found) for name in LIBRARIES if (found := _version(name))),
        seed=configuration.loop.seed,
        processes=processes,
        device=device,
    )


def asked_for(configuration: Configuration, *, processes: int) -> str:
    """Return the hash of the settings as they were given, before anything was pinned."""
    return fingerprint([without_free(configuration.asked), processes])


def gone_on(now: Lineage, former: Lineage | None) -> Lineage:
    """Return the lineage of a run that goes on: with the request that it began with, and all code that took part."""
    if former is None:
        return now
    return replace(now, request=former.request, code=tuple(dict.fromkeys([*former.code, *now.code])))


def file_origin(role: str, path: Path) -> Origin:
    """Return a file, such as one of pre-trained weights, as an origin; it is hashed."""
    return Origin(role, path.name, None, object_digest(path))


def _code_of(recipe: Recipe) -> Code:
    commit, is_changed = _checkout()
    file = recipe.module.__file__
    return Code(_version("imagemill") or "unknown", commit, is_changed, object_digest(Path(file)) if file else "")


@cache
def _checkout() -> tuple[str | None, bool]:
    """Return the commit of the checkout that this code lies in, and whether it was changed since."""
    folder = Path(__file__).parents[1]
    if not (folder / ".git").exists():
        return None, False
    commit = _git(folder, "rev-parse", "HEAD")
    return commit or None, bool(commit and _git(folder, "status", "--porcelain", "--untracked-files=no"))


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says, nothing where it does not work: a checkout of somebody else's, or no git."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
