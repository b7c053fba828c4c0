"""The command that shows it all: `dashboard`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Annotated

import typer

from flows.command_options import Fast, FastBudget, Slow, reported_errors
from flows.lines import say

TOKEN = "IMAGEMILL_DASHBOARD_TOKEN"


def add_dashboard_commands(app: typer.Typer) -> None:
    """Put the command of this module on the command line."""
    app.command(
        epilog="Examples: imagemill dashboard --slow /hdd --fast /ssd; PREFECT_API_URL=http://127.0.0.1:4200/api "
        f"imagemill dashboard; {TOKEN}=$(openssl rand -hex 24) imagemill dashboard --host 0.0.0.0 --prefix /imagemill"
    )(dashboard)


def dashboard(
    slow: Slow = None,
    fast: Fast = None,
    fast_budget: FastBudget = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine with a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on", min=0, max=65535)] = 4300,
    prefix: Annotated[str, typer.Option(help="Path under which a proxy shows the pages, e.g. /imagemill")] = "",
    device: Annotated[str, typer.Option(help="Where models look at pictures: auto, cpu, cuda or cuda:N")] = "cpu",
) -> None:
    """Show runs, datasets, words, models, search and disks as pages that keep themselves up to date.

    It only looks: it changes nothing, and starts nothing. A search, or the
    page of words, keeps what it reads from being collected for five minutes.
    Prefect is asked at PREFECT_API_URL; without it, the pages show what the
    disks know.
    With IMAGEMILL_DASHBOARD_TOKEN set, whoever comes is asked for it.
    """
    with reported_errors(as_json=False):
        from dashboard.serving import DashboardPlace, serve
        from dashboard.site import Site
        from flows.dashboard_answers import AnswersInAnotherProcess
        from flows.roots import chosen_tiers

        prefix = prefix.rstrip("/")
        tiers = chosen_tiers(slow, fast, fast_budget=fast_budget)
        if not tiers.slow.is_dir():
            say(f"warning: there is no folder {tiers.slow} yet; what is published there will show up", err=True)
        answers = AnswersInAnotherProcess(tiers, device=device) if find_spec("torch") else None
        site = Site(tiers, token=os.environ.get(TOKEN, ""), prefix=prefix, answers=answers)
        serve(site, DashboardPlace(host, port, prefix), say=lambda line: say(line, err=True))
