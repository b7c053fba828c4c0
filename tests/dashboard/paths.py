"""The addresses of pages over the roots that tests make."""

from __future__ import annotations

from storage.versions import read_version
from tests.dashboard.small_roots import SAMPLES, Roots

OPEN = ("/health", "/static/style.css")
"""What anybody may ask for."""
CLOSED = frozenset({"/sign-in", "/search/picture"})
"""What takes POST only."""
PAGES = (
    "/",
    "/datasets",
    "/words",
    "/words?word=dog",
    "/words?word=nothing+of+this+name",
    "/models",
    "/search",
    "/search?q=dog",
    "/search?q=nothing+of+this+name",
    "/disks",
    "/datasets/photos",
    "/datasets/photos?version=1",
    "/datasets/hostile",
    "/datasets/nothing",
    "/datasets/photos-plain",
    "/datasets/words",
    "/datasets/splits-photos",
    "/datasets/features-photos-devise",
    "/datasets/model-faces",
    "/datasets/photos/1/rows",
    "/datasets/photos/1/rows?class=1",
    "/datasets/photos/1/rows/11",
    "/datasets/hostile/1/rows",
    "/datasets/hostile/1/rows?page=2",
    "/datasets/nothing/1/rows",
    "/datasets/photos-plain/1/rows",
    "/datasets/photos-plain/1/rows/0",
    "/models/devise",
    "/models/faces",
    "/models/faces?version=1",
    "/models/candidate",
    "/models/begun",
)
PICTURES = tuple(f"/models/faces/runs/run-1/{name}" for name in SAMPLES)
IDENTITY = "{identity}"


def identity_in(roots: Roots, dataset: str = "photos") -> str:
    """Return what stands for a version in the addresses of its pictures."""
    return read_version(roots.folder(dataset), 1).identity[:16]


def paths_of(roots: Roots) -> list[str]:
    """Return an address of every kind, those of `OPEN` included."""
    base = f"/datasets/photos/1/pictures/{identity_in(roots)}"
    return [*OPEN, *PAGES, *PICTURES, f"{base}/0/0.png", f"{base}/1/11.jpg"]
