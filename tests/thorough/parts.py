"""The parts of ``make thorough``: what each tries, what it costs, and the command that runs it."""

from __future__ import annotations

from dataclasses import dataclass

_PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")
_TWO = (*_PYTEST, "-n", "2", "--dist")
"""By two processes: ``worksteal`` shares the tests of a module too, ``loadgroup`` what is expensive to start."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part; ``command`` is what Python is to run as a module, ``minutes`` what that takes on two quiet cores."""

    name: str
    tries: str
    minutes: int
    command: tuple[str, ...]


def _every(name: str, tries: str, minutes: int, *files: str) -> Part:
    """Everything in some files: what CI runs of them is a share of the full number."""
    return Part(name, tries, minutes, (*_TWO, "worksteal", *files))


_SOME = [
    Part(
        "timing",
        "what measures time, and needs a machine that does nothing else",
        2,
        (*_PYTEST, "-m", "thorough", "tests/service/test_refusal_times.py", "tests/benchmarks/test_guard.py"),
    ),
    _every("damage", "224 seeds of damage to real rows, over all layouts", 3, "tests/damage"),
    _every(
        "kill",
        "200 kills of a build, each at a call that changes the disk",
        1,
        "tests/reliability/test_kill.py",
    ),
    _every(
        "system-calls",
        "an error and a kill at every call of a publication",
        1,
        "tests/reliability/test_system_calls.py",
    ),
    _every("writers", "two and eight writers on one target", 1, "tests/reliability/test_two_writers.py"),
    _every("cut", "files of each kind cut at 220 places", 1, "tests/reliability/test_cut_files.py"),
    _every("disk", "full disks, and caps on what 1.5 million rows spill", 1, "tests/reliability/test_full_disk.py"),
    _every("memory", "6 million rows with 64 MB of memory", 1, "tests/reliability/test_memory.py"),
    _every("bytes", "300,000 rows in any order, files, threads and memory", 2, "tests/reliability/test_same_bytes.py"),
    Part(
        "texts",
        "50,000 texts of each kind that are dates, numbers, money, ids, or nearly so, through every door",
        8,
        (*_TWO, "loadgroup", "tests/differential"),
    ),
    Part(
        "cases",
        "the cases of wrong answers, each value through every door",
        10,
        (*_TWO, "loadgroup", "tests/cases"),
    ),
    _every("fuzz", "120,000 bodies and 2,000 tables that nobody meant", 2, "tests/service/test_fuzz.py"),
]
_TAKEN = sorted({word for part in _SOME for word in part.command if word.startswith("tests/")})

PARTS = (
    *_SOME,
    Part(
        "others",
        "all other tests that CI runs in a smaller number, or not at all",
        10,
        (*_TWO, "loadgroup", "-m", "thorough", "tests", *(f"--ignore={path}" for path in _TAKEN)),
    ),
    Part(
        "properties",
        "properties, on five times as many examples as in CI",
        5,
        (*_TWO, "loadgroup", "-m", "hypothesis", "tests"),
    ),
    Part("agreement", "a million generated customers through every door", 30, ("tests.agreement",)),
    Part("attack", "attacks on a server while another tenant asks on", 15, ("tests.attack",)),
    Part("soak", "200,000 requests while keys rotate and workers are killed", 30, ("tests.soak",)),
)
