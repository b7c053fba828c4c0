"""Debian's PostgreSQL as a test wants it: a cluster of its own on loopback, that can be stopped, killed and started."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.hostile_servers import free_port

USER = "prefect"
START_SECONDS = 120
POLL_SECONDS = 0.1


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL, None where there is none; Debian keeps them off the path."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    named = shutil.which("initdb")
    return Path(named).resolve().parent if named else None


@dataclass
class Postgres:
    """A cluster in a folder: its postmaster, if it runs, is a child of this process."""

    programs: Path
    folder: Path
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What Prefect's server is told: PREFECT_SERVER_DATABASE_CONNECTION_URL."""
        return f"postgresql+asyncpg://{USER}:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def make(self) -> None:
        """Make the cluster; who connects needs the password, from this machine too."""
        (self.folder / "password").write_text(self.password)
        if owner := _owner():
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, owner, owner)
        told = ["--username", USER, "--pwfile", "password", "--auth", "scram-sha-256", "--encoding", "UTF8"]
        command = [self.programs / "initdb", "--pgdata", "data", "--locale", "C.UTF-8", *told]
        done = subprocess.run(
            command, cwd=self.folder, user=_owner(), capture_output=True, text=True, env=_environment(), check=False
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, with its settings as they come, and wait until it takes connections."""
        assert self.process is None
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": ""}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", "data", *options],
                cwd=self.folder,
                user=_owner(),
                env=_environment(),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        asked = [self.programs / "pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(self.port)]
        give_up = time.monotonic() + START_SECONDS
        while subprocess.run(asked, env=_environment(), check=False).returncode != 0:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < give_up, self.log
            time.sleep(POLL_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send the postmaster a signal: SIGTERM lets connections end by themselves, SIGINT ends them."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> None:
        """Wait until the postmaster has ended."""
        assert self.process is not None
        self.process.wait(START_SECONDS)
        self.process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Make a cluster, and start it; the test is skipped where Debian's package is missing."""
    programs = binaries()
    if programs is None:
        pytest.skip("no initdb here: apt-get install postgresql")
    if os.geteuid() == 0 and _owner() is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres: apt-get install postgresql")
    # Not below a folder of pytest's, which nobody but its user may enter.
    with tempfile.TemporaryDirectory(prefix="imagemill-postgres-") as folder:
        server = Postgres(programs, Path(folder))
        server.make()
        try:
            server.start()
            yield server
        finally:
            _end(server)


def _end(server: Postgres) -> None:
    if server.process is not None:
        group = server.process.pid
        server.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(START_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        server.process.wait()


def _owner() -> str | None:
    """Return whose the cluster is, None for who runs the tests."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return None


def _environment() -> dict[str, str]:
    """Return a plain one: PGPORT and its like are of other servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C.UTF-8"}
