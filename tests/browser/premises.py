"""What pages are tested on, made once for each state of the code below build/, and copied by who wants it."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from storage.digests import digest_of
from storage.records import fingerprint
from storage.tiers import Tiers
from tests.faults.hostile_servers import own_server, plain_environment
from tests.prefect_home import BUILD

REPOSITORY = Path(__file__).parents[2]
MADE_OF = (
    "storage",
    "tasks",
    "training",
    "flows",
    "requirements-dev.lock",
    "prefect.yaml",
    "tests/browser/made_premises.py",
    "tests/browser/made_runs.py",
    "tests/browser/picture_tree.py",
    "tests/tasks/ops/searchable.py",
    "tests/storage/word_bundles.py",
    "tests/training/digits_recipe.py",
)


@dataclass(frozen=True, slots=True)
class Premises:
    """Both roots, the pictures that they were prepared from, and the database of the Prefect server of that time."""

    folder: Path

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.folder / "slow", self.folder / "fast")

    @property
    def source(self) -> Path:
        return self.folder / "pictures" / "train"

    @property
    def database(self) -> Path:
        return self.folder / "prefect.db"

    def copied(self, place: Path) -> Premises:
        """Return a copy of all of it; links are left links, and times as they are."""
        return Premises(Path(shutil.copytree(self.folder, place, symlinks=True)))


def premises() -> Premises:
    """Return the premises that the code of now makes; the first process of those that test at once makes them."""
    BUILD.mkdir(exist_ok=True)
    found = BUILD / f"premises-{digest_of_sources()[:16]}"
    with (BUILD / "premises.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found / "prefect.db").exists():
            for other in BUILD.glob("premises-*"):
                shutil.rmtree(other)
            _make(found)
    return Premises(found)


def digest_of_sources() -> str:
    """Return one hash of all that decides what the premises are."""
    named = [REPOSITORY / name for name in MADE_OF]
    inside = (path for folder in named for path in folder.rglob("*") if path.suffix in (".py", ".toml", ".tsv"))
    files = sorted({*inside, *(path for path in named if path.is_file())})
    return fingerprint([(str(path.relative_to(REPOSITORY)), digest_of(path.read_bytes())) for path in files])


def _make(folder: Path) -> None:
    home = folder / "home"
    with own_server(home, is_ours=True) as server:
        environment = plain_environment(home) | {"PREFECT_API_URL": server.api, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.browser.made_premises", str(folder)]
        run = subprocess.run(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        assert run.returncode == 0, run.stdout.decode(errors="replace")[-20_000:]
        # Into one file, what its log holds included, while the server may still write: its last word is not needed.
        with closing(sqlite3.connect(server.database, timeout=60)) as database:
            database.execute("VACUUM INTO ?", (str(folder / "prefect.tmp"),))
    shutil.rmtree(home)
    (folder / "prefect.tmp").rename(folder / "prefect.db")
