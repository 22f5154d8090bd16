"""The commands of docs/schedulers.md run: the crontab's line, the nightly script, the Airflow command."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from customer_features.targets.manifest import verify
from tests.conftest import child_environment, csv_text
from tests.waiting import BOUND, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "schedulers.md").read_text("utf-8")
DAYS = [f"2025-04-{day}" for day in range(22, 26)]


def block(kind: str) -> str:
    [text] = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert isinstance(text, str)
    return text


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    """What stands under /srv: an export of each day, and an empty folder for the features."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "features").mkdir()
    for day in DAYS:
        rows = (f"c{place % 9},{day}-{place},{day},{place}.5,p" for place in range(200))
        (tmp_path / "exports" / f"{day}.csv").write_text(csv_text(*rows))
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """The environment of a shell that finds the command of this very package."""
    return child_environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", **more)


def shell(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def nightly(srv: Path, day: str, **more: str) -> subprocess.CompletedProcess[str]:
    return shell(f"{ROOT}/examples/nightly.sh 'exports/*.csv' features {day}", srv, **more)


def kept(srv: Path) -> list[str]:
    return sorted(path.name for path in (srv / "features").iterdir())


def test_nightly_keeps_the_last_days_and_is_silent(srv: Path) -> None:
    for day in DAYS:
        ran = nightly(srv, day, KEEP="2", OPTIONS="--future exclude --max-faults 2%")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    expected = [f"features-{day}.parquet{more}" for day in DAYS[-2:] for more in ("", ".manifest.json")]
    assert kept(srv) == sorted([*expected, *(f"log-{day}.jsonl" for day in DAYS[-2:])])
    found = verify(srv / "features" / f"features-{DAYS[-1]}.parquet")
    assert (found["rows"]["used"], found["options"]["max_faults"]) == (800, 0.02)
    last = json.loads((srv / "features" / f"log-{DAYS[-1]}.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("published", 0)


def test_nightly_tells_of_refused_data_and_leaves_the_earlier_files(srv: Path) -> None:
    assert nightly(srv, DAYS[-1]).returncode == 0
    before = {path.name: path.read_bytes() for path in (srv / "features").glob("features-*")}
    for path in (srv / "exports").iterdir():
        path.write_text(path.read_text().replace("2025", "20x5"))
    ran = nightly(srv, DAYS[-1])
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "the data of 2025-04-25 were refused" in ran.stderr
    assert json.loads(ran.stderr.splitlines()[-1])["faults"] == {"unreadable_date": 800}
    assert {path.name: path.read_bytes() for path in (srv / "features").glob("features-*")} == before


@pytest.mark.parametrize(
    ("day", "more", "says"),
    [
        ("2025-02-30", {}, "cannot be built as it was asked for"),
        ("25.4.2025", {}, "DAY must be YYYY-MM-DD"),
        ("2025-04-25", {"KEEP": "none"}, "KEEP a number above 0"),
        ("2025-04-25", {"OPTIONS": "--grain lines"}, "did you mean 'line'"),
    ],
)
def test_nightly_tells_of_wrong_usage(day: str, more: dict[str, str], says: str, srv: Path) -> None:
    ran = nightly(srv, day, **more)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert [name for name in kept(srv) if name.startswith("features")] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_nightly_passes_a_signal_on(number: signal.Signals, code: int, srv: Path) -> None:
    process = subprocess.Popen(
        [f"{ROOT}/examples/nightly.sh", "-", "features", DAYS[-1]],
        cwd=srv,
        env=environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = srv / "features" / f"log-{DAYS[-1]}.jsonl"
    until(lambda: log.is_file() and "started" in log.read_text(), "the start, after which it waits for its input")
    process.send_signal(number)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode == code
    assert "was interrupted; nothing is half-written" in err
    assert kept(srv) == [log.name]


def test_the_crontab(srv: Path) -> None:
    (srv / "opt").mkdir()
    shutil.copy(ROOT / "examples" / "nightly.sh", srv / "opt" / "nightly.sh")
    *settings, line = block("crontab").splitlines()
    assert all(re.fullmatch(r"[A-Z]+=\S+", setting) for setting in settings)
    assert "%" not in line
    minute, hour, *days, command = line.split(None, 5)
    assert (int(minute) < 60, int(hour) < 24, days) == (True, True, ["*", "*", "*"])
    moved = {"/opt/shop": srv / "opt", "/srv": srv, "/var/lock": srv}
    for ours, theirs in moved.items():
        command = command.replace(ours, str(theirs))
    sh = f"sh -c {json.dumps(command).replace('$', chr(92) + '$')}"
    ran = shell(sh, srv, OPTIONS="--future exclude")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert len([name for name in kept(srv) if name.startswith("features-")]) == 2
    # While another run holds the lock: no work, no mail, no failure.
    before = kept(srv)
    held = shell(f"flock customer-features.lock {sh}", srv)
    assert (held.returncode, held.stdout, held.stderr) == (0, "", "")
    assert kept(srv) == before
    # A failure is said, and so mailed.
    for path in (srv / "exports").iterdir():
        path.write_text("nothing\n")
    ran = shell(sh, srv)
    assert ran.returncode != 0
    assert "no column was recognised" in ran.stderr


def test_the_airflow_command(srv: Path) -> None:
    command = block("bash").strip().replace("/srv", str(srv))
    written = []
    for day in (DAYS[2], DAYS[2], DAYS[3]):
        ran = shell(command.replace("{{ ds }}", day), srv)
        assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
        assert json.loads(ran.stderr.splitlines()[-1])["exit_code"] == 0
        written.append({path.name: path.read_bytes() for path in (srv / "features").iterdir() if day in path.name})
    assert written[0] == written[1]
    assert sorted(written[2]) == [f"{DAYS[3]}.parquet", f"{DAYS[3]}.parquet.manifest.json"]
    assert verify(srv / "features" / f"{DAYS[3]}.parquet")["options"]["today"] == DAYS[3]
    [mapped] = re.findall(r"append `(\|\| .*?)`", PAGE)
    failing = command.replace("{{ ds }}", DAYS[0]).replace("--today", "--grain lines --today")
    assert shell(failing, srv).returncode == 2
    assert shell(f"{failing} {mapped}", srv).returncode == 99
    assert shell(f"exit_with() {{ return 143; }}; exit_with {mapped}", srv).returncode == 143


def test_every_event_is_on_the_page() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "customer_features" / "cli").glob("*.py"))
    events = set(re.findall(r"(?:say|record|tell)\(\s*\"(\w+)\"", sources))
    assert {"started", "published", "failed", "interrupted", "judged"} <= events
    assert events <= set(re.findall(r"`(\w+)`", PAGE.split("| `event` |")[1].split("\n\n")[0]))
