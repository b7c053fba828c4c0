"""CPU seconds of what no worker shares: `python -m benchmarks.planning_costs SOURCE SLOW DATASET`, after a `prepare`.

Does again what `prepare` did to list, to plan and to publish, all but the card, and prints the CPU seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from storage.plans import read_plan, write_plan
from storage.scratch import scratch_folder
from storage.tiers import Tiers
from storage.versions import current_version
from tasks.ops.listing import list_class_folders
from tasks.ops.planning import make_plan
from tasks.ops.prepare_report import BuildFigures
from tasks.ops.publication import publish_plan


def main() -> None:
    source, slow, dataset = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    tiers = Tiers(slow, slow)
    folder = tiers.authority(dataset)
    version = current_version(folder)
    assert version is not None, f"{folder.path} holds no version"
    former = read_plan(folder, version.plan)
    spent, started = {}, time.process_time()

    def note(step: str) -> None:
        nonlocal started
        spent[step], started = time.process_time() - started, time.process_time()

    listing = list_class_folders(source)
    note("list")
    plan, shuffled = make_plan(listing, None, dataset=dataset, source=former.source, settings=former.settings)
    write_plan(folder, plan, shuffled)
    note("plan")
    with scratch_folder(folder) as scratch:
        figures = BuildFigures(0, 0.0, 0.0)
        publish_plan(tiers, plan, shuffled, scratch=scratch, built_on=None, max_refused=1.0, figures=figures)
    note("publish")
    print(json.dumps(spent))


if __name__ == "__main__":
    main()
