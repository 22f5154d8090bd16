"""``make mutants``: each mutant in a copy of the package, and the agreement suite over it until a test fails.

Ends with 1 where a mutant survives, or is no plausible one (it cannot be imported, or no engine takes its SQL).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import MUTANTS, PACKAGE, Mutant, source_of

SUITE = ("tests/agreement/test_every_door.py", "tests/agreement/test_as_of.py")
"""The modules that are to kill a mutant, in this order."""
LIMIT = 600
"""Seconds that a suite may take: a mutant that hangs is dead."""
_BROKEN = {"SyntaxError", "ImportError", "NameError", "AttributeError", "TypeError"}
_BROKEN_SQL = ("Parser Error", "Binder Error", "Catalog Error")
"""What tells of a mutant that nobody could have overlooked."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: killed, survived or invalid, and by what."""

    name: str
    what: str
    by: str
    seconds: float


def fate(mutant: Mutant | None) -> Fate:
    """Run the suite over a mutant, or over the package as it is."""
    name = mutant.name if mutant else "the package as it is"
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        for part in ("customer_features", "tests"):
            shutil.copytree(PACKAGE.parent / part, root / part)
        shutil.copy(PACKAGE.parent / "pyproject.toml", root)
        if mutant is not None:
            try:
                changed = mutant.applied(source_of(mutant))
            except ValueError as error:
                return Fate(name, "invalid", str(error), 0.0)
            (root / "customer_features" / mutant.file).write_text(changed, encoding="utf-8")
        for module in SUITE:
            code, says = _tested(root, module, mutant.first if mutant else "")
            if code != 0:
                return Fate(name, *_judged(code, says), time.monotonic() - began)
    return Fate(name, "survived", "", time.monotonic() - began)


def _tested(root: Path, module: str, first: str) -> tuple[int, dict[str, str | list[str]]]:
    says = root / "says.json"
    environment = {**os.environ, "PYTHONPATH": str(root), "MUTANT_SAYS": str(says), "MUTANT_FIRST": first}
    command = [sys.executable, "-m", "pytest", module, "-m", "not slow or mutants", "-x", "-q", "--tb=no"]
    command += ["-p", "tests.mutation.plugin"]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"]
    try:
        ran = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, {"test": module, "kinds": ["TimeoutExpired"], "message": f"took longer than {LIMIT} s"}
    found = (
        json.loads(says.read_text()) if says.exists() else {"test": module, "kinds": [], "message": ran.stdout[-2000:]}
    )
    return ran.returncode, found


def _judged(code: int, says: dict[str, str | list[str]]) -> tuple[str, str]:
    message = str(says["message"])
    told = next((line for line in message.splitlines() if line.strip()), "")[:160]
    by = f"{says['test']}: {told}"
    if code != 1 or _BROKEN & set(says["kinds"]) or any(mark in message for mark in _BROKEN_SQL):
        return "invalid", by
    return "killed", by


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of mutants; all of them by default")
    given = parser.parse_args(None if arguments is None else list(arguments))
    chosen = [one for one in MUTANTS if not given.names or any(part in one.name for part in given.names)]
    whole = fate(None)
    print(f"{whole.name}: {'passes' if whole.what == 'survived' else whole.by} ({whole.seconds:.0f} s)", flush=True)
    if whole.what != "survived":
        print("A suite that fails over the package itself kills nothing.")
        return 1
    width = max(len(one.name) for one in chosen)
    fates = []
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(fate, chosen):
            fates.append(found)
            print(f"{found.name.ljust(width)}  {found.what:8}  {found.seconds:4.0f} s  {found.by}", flush=True)
    left = [found for found in fates if found.what != "killed"]
    print(f"\n{len(fates)} mutants, {len(fates) - len(left)} killed")
    for found in left:
        print(f"{found.what}: {found.name}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
