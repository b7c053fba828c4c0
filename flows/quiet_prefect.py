"""What a command tells Prefect before it is imported, so that a person at the terminal reads only what we say."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

QUIET = {
    # A person at the terminal wants the bar, not the engine's log.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    # With Prefect's own 5, each of its calls goes on for a minute after the server is gone.
    "PREFECT_CLIENT_MAX_RETRIES": "2",
}
ALWAYS = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
"""No telemetry, from whichever process."""


def make_quiet(environment: MutableMapping[str, str]) -> None:
    """Tell it, where the user has told nothing else."""
    for name, value in (QUIET | ALWAYS).items():
        environment.setdefault(name, value)


def without_quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process gets that runs for long and whose log is read."""
    return {name: value for name, value in environment.items() if QUIET.get(name) != value}
