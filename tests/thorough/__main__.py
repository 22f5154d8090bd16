"""``make thorough``: the tests at their full numbers, one part after the other.

Prints a line as a part ends, and a table in the end; what a part said is in build/thorough/PART.log. Ends with 1
where a part failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.thorough.parts import PARTS, Part

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "build" / "thorough"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a part; ``counted`` is the last line that it said."""

    name: str
    counted: str
    seconds: float
    code: int

    @property
    def cells(self) -> tuple[str, str, str, str]:
        return self.name, "ok" if self.code == 0 else "FAILED", f"{self.seconds:,.0f} s", self.counted


def run(part: Part, logs: Path) -> Outcome:
    """Run a part, with its output in a file of its name. A test that lacks a tool fails instead of being skipped."""
    environment = {**os.environ, "CI": "true", "THOROUGH": "true"}
    path = logs / f"{part.name}.log"
    began = time.monotonic()
    with path.open("wb") as log:
        command = [sys.executable, "-m", *part.command]
        code = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False).returncode
    return Outcome(part.name, counted(path.read_text("utf-8", "replace")), time.monotonic() - began, code)


def counted(said: str) -> str:
    """The last line that is not empty."""
    return next((line.strip("= ") for line in reversed(said.splitlines()) if line.strip("= ")), "said nothing")


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows in columns; the third of them is one of numbers."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if place == 2 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def main(arguments: Iterable[str] | None = None, parts: Sequence[Part] = PARTS, logs: Path = LOGS) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.thorough", description=__doc__)
    parser.add_argument("parts", nargs="*", help="the parts to run; all of them by default")
    parser.add_argument("--list", action="store_true", help="only list the parts, and what each tries and costs")
    given = parser.parse_args(None if arguments is None else list(arguments))
    if unknown := sorted(set(given.parts) - {part.name for part in parts}):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(part.name for part in parts)}")
    chosen = [part for part in parts if not given.parts or part.name in given.parts]
    if given.list:
        print(table([(part.name, part.tries, f"{part.minutes} min") for part in chosen]))
        return 0
    logs.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for part in chosen:
        outcomes.append(run(part, logs))
        print("  ".join(outcomes[-1].cells), flush=True)
    print(f"\n{table([outcome.cells for outcome in outcomes])}")
    failed = [outcome.name for outcome in outcomes if outcome.code]
    for name in failed:
        print(f"{name} failed: see {logs / f'{name}.log'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
