"""What `doctor` finds: every lack comes with a remedy, and speed is measured, not believed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from storage.tiers import Tiers
from tasks.ops.machine_checks import Finding, disk_findings, machine_findings
from tasks.ops.pixel_libraries import pillow_distribution, pixel_libraries
from tasks.ops.resize_speed import ResizeSpeed, cpu_ms, sample_picture

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    return {finding.subject: finding for finding in machine_findings(None)}


def test_everything_is_looked_at(findings: dict[str, Finding]):
    assert list(findings) == [
        "Python",
        "SIMD Pillow",
        "JPEG decoder",
        "array formats",
        "emoji font",
        "WordNet",
        "GPU",
        "Prefect",
        "disks",
    ]


def test_every_finding_says_something_and_every_lack_what_to_do(findings: dict[str, Finding], tmp_path: Path):
    for finding in [*findings.values(), *disk_findings(Tiers(tmp_path / "gone", tmp_path))]:
        assert finding.text, finding
        assert finding.state != "lacking" or finding.remedy, finding
        assert finding.state != "good" or not finding.remedy, finding


def test_the_resize_of_each_filter_is_measured(findings: dict[str, Finding]):
    finding = findings["SIMD Pillow"]
    measured = re.findall(r"(bilinear|bicubic|lanczos) (\d+\.\d\d) ms \((\d+\.\d) × plain Pillow\)", finding.text)
    assert [name for name, _, _ in measured] == ["bilinear", "bicubic", "lanczos"]
    costs = [float(cost) for _, cost, _ in measured]
    # A wider kernel costs more on any machine, so these were timed.
    assert 0 < costs[0] < costs[2]
    name, number = pillow_distribution()
    assert finding.text.startswith(f"{name} {number}: 500×375 to 224, ")
    slowest = min(float(times) for _, _, times in measured)
    if abs(slowest - 2.0) > 0.1:
        assert finding.state == ("good" if slowest > 2 else "lacking")


def test_the_cost_of_a_call_is_cpu_time_without_the_waiting():
    assert cpu_ms(lambda: time.sleep(0.01), repeats=3, rounds=2) < 5
    assert cpu_ms(lambda: sum(range(200_000)), repeats=3, rounds=2) > 0.5


def test_speed_is_told_against_plain_pillow_on_the_same_machine():
    speed = ResizeSpeed("bilinear", cpu_ms=0.21, decode_ms=1.0)
    assert speed.times_plain == pytest.approx(4.0, rel=0.2)
    twice_as_slow_a_machine = ResizeSpeed("bilinear", cpu_ms=0.42, decode_ms=2.0)
    assert twice_as_slow_a_machine.times_plain == pytest.approx(speed.times_plain)


def test_the_sample_picture_is_always_the_same():
    assert (sample_picture() == sample_picture()).all()
    assert sample_picture().shape == (375, 500, 3)


def test_libraries_and_formats_are_named_with_their_versions(findings: dict[str, Finding]):
    assert version("simplejpeg") in findings["JPEG decoder"].text
    for part in ("bcolz, hdf5", version("h5py"), version("bcolz-zipline")):
        assert part in findings["array formats"].text
    assert dict(pixel_libraries())["simplejpeg"] == version("simplejpeg")


def test_without_roots_the_command_to_check_them_is_told(findings: dict[str, Finding]):
    assert (findings["disks"].state, findings["disks"].remedy) == ("note", "imagemill doctor --slow DIR --fast DIR")


def test_a_root_tells_its_space_and_what_kind_of_disk_it_is(tmp_path: Path):
    for finding, subject in zip(disk_findings(Tiers(tmp_path, tmp_path)), ("slow root", "fast root"), strict=True):
        assert (finding.subject, finding.state) == (subject, "good")
        assert re.fullmatch(
            rf"{re.escape(str(tmp_path))}: [\d,]+\.\d GB free, (a turning disk|solid state .*|kind unknown .*)",
            finding.text,
        )


def test_a_root_that_is_not_there_is_lacking_and_can_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("")
    slow, fast = disk_findings(Tiers(tmp_path / "gone", tmp_path / "file"))
    assert (slow.state, slow.remedy) == ("lacking", f"mkdir -p {tmp_path / 'gone'}")
    assert (fast.state, fast.text) == ("lacking", f"{tmp_path / 'file'} is not a folder")
    assert not (tmp_path / "gone").exists()


def test_a_root_that_may_not_be_entered_or_written_is_lacking(tmp_path: Path):
    (tmp_path / "closed" / "root").mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "fixed").mkdir()
    (tmp_path / "fixed").chmod(0o555)
    tmp_path.chmod(0o755)
    # Permissions do not hold root back, so another user looks, from inside: above it are folders of one user only.
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from storage.tiers import Tiers\n"
        "from tasks.ops.machine_checks import disk_findings\n"
        "tiers = Tiers(Path('closed/root'), Path('fixed'))\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for finding in disk_findings(tiers): print(finding.state, finding.text, finding.remedy, sep='; ')\n"
    )
    arguments = [sys.executable, "-c", code]
    answer = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    (tmp_path / "closed").chmod(0o755)
    user = os.getuid() or 65534
    assert answer.stdout.splitlines() == [
        f"lacking; closed/root cannot be reached; let user {user} enter the folders above it, or choose another",
        f"lacking; fixed cannot be written; chown it to {user}, or choose another",
    ], answer.stderr
