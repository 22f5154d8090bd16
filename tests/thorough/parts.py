"""The parts of ``make thorough``: what each tries, what it costs, and the command that runs it."""

from __future__ import annotations

from dataclasses import dataclass

_PYTEST = ("pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup")


@dataclass(frozen=True, slots=True)
class Part:
    """One part; ``command`` is what Python is to run as a module, ``minutes`` what that takes on two quiet cores."""

    name: str
    tries: str
    minutes: int
    command: tuple[str, ...]


def _file(name: str, tries: str, minutes: int, *files: str) -> Part:
    """Everything in some files of tests: what CI runs of them is a part of the full number."""
    return Part(name, tries, minutes, (*_PYTEST, *files))


_FILES = [
    _file("damage", "224 seeds of damage to real rows, over all layouts", 6, "tests/damage"),
    _file("kill", "200 kills of a build, at every call that changes the disk", 2, "tests/reliability/test_kill.py"),
    _file(
        "system-calls",
        "an error and a kill at every call of a publication",
        2,
        "tests/reliability/test_system_calls.py",
    ),
    _file("writers", "two and eight writers on one target", 1, "tests/reliability/test_two_writers.py"),
    _file("cut", "files cut at 200 places each", 2, "tests/reliability/test_cut_files.py"),
    _file(
        "disk", "full disks, and caps on what is spilled of 1.5 million rows", 1, "tests/reliability/test_full_disk.py"
    ),
    _file("memory", "6 million rows with 64 MB of memory", 2, "tests/reliability/test_memory.py"),
    _file("bytes", "300,000 rows in any order, files, threads and memory", 3, "tests/reliability/test_same_bytes.py"),
]
_SERVICE = Part("service", "the service's tests at full numbers", 5, (*_PYTEST, "-m", "thorough", "tests/service"))
_TAKEN = {word for part in (*_FILES, _SERVICE) for word in part.command if word.startswith("tests/")}

PARTS = (
    *_FILES,
    _SERVICE,
    Part(
        "others",
        "all other tests that run in `make thorough` only",
        15,
        (*_PYTEST, "-m", "thorough", "tests", *(f"--ignore={path}" for path in sorted(_TAKEN))),
    ),
    Part(
        "properties",
        "every property on five times as many examples as in CI",
        5,
        (*_PYTEST, "-m", "hypothesis", "tests"),
    ),
    Part("agreement", "a million generated customers through every door", 30, ("tests.agreement",)),
    Part("soak", "200,000 requests while keys rotate and workers are killed", 30, ("tests.soak",)),
)
