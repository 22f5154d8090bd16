"""The table of mutants matches the source and the suite, and the runner judges them. ``make mutants`` runs them all."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from tests.agreement.every_door import DOORS
from tests.agreement.every_door.scenarios import SCENARIOS
from tests.conftest import ROOT, child_environment
from tests.mutation.__main__ import Fate, Trial, Unsound, main, mutant_trial, package_trial
from tests.mutation.child import in_place
from tests.mutation.mutants import DOOR_TEST, MUTANTS, PACKAGE, Mutant, killer_of, source_of
from tests.mutation.recording import TABLE, recorded
from tests.mutation.warm import Result, Run, plant


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    assert len(MUTANTS) >= 40
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_text_stands_once_and_the_mutant_is_python(mutant: Mutant) -> None:
    source = source_of(mutant)
    changed = mutant.applied(source)
    assert changed != source
    ast.parse(changed)


def test_each_has_a_killer_that_is_a_test() -> None:
    """Costs six seconds: the parameters of tests are known only after pytest has collected them."""
    doors = {f"{door.name}: {scenario.name}" for door in DOORS for scenario in SCENARIOS}
    killers = {mutant.killing_test for mutant in MUTANTS if mutant.killer not in doors}
    modules = sorted({killer.partition("::")[0] for killer in killers})
    listed = _ran("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *modules)
    assert killers - set(listed.stdout.splitlines()) == set()
    for mutant in MUTANTS:
        assert killer_of(mutant.killing_test) == mutant.killer


def test_a_killer_is_written_beside_its_mutant() -> None:
    source = '_of("a.py", ("é", "1", "2"), ("b", "3", "4", "x: y"), ("c", "5", "6", "z"))\n'
    written = recorded(source, {"é": "door, one: é", "b": "new.py::test['1']"})
    assert written == (
        '_of("a.py", ("é", "1", "2", \'door, one: é\'), ("b", "3", "4", "new.py::test[\'1\']"), ("c", "5", "6", "z"))\n'
    )
    table = TABLE.read_text(encoding="utf-8")
    same = recorded(table, {mutant.name: mutant.killer for mutant in MUTANTS})
    assert ast.dump(ast.parse(same)) == ast.dump(ast.parse(table))


SLIP = Mutant("a slip", "definition/money.py", "MAX_CENTS = 2**53 - 1", "MAX_CENTS = 2**53", "Python, PyArrow: visits")
FAILED = Result(1, f"{DOOR_TEST}[HTTP-visits]", ["AssertionError"], "two and two are five\nand more", 1.0)
PASSED = Result(0)


def fate_of(trial: Trial, *runs: tuple[Run, Result]) -> Fate | None:
    """Return the verdict of a trial that asks for these runs and gets these results."""
    asked = next(trial)
    for place, (run, result) in enumerate(runs, 1):
        assert asked == run
        try:
            asked = trial.send(result)
        except StopIteration as end:
            assert place == len(runs)
            found: Fate | None = end.value
            return found
    raise AssertionError(f"no verdict, but {asked}")


KILLER, SUITE = Run(SLIP, (SLIP.killing_test,)), Run(SLIP)


def test_the_recorded_killer_alone_is_enough() -> None:
    fate = fate_of(mutant_trial(SLIP), (KILLER, FAILED))
    assert fate == Fate("a slip", "killed", "HTTP: visits: two and two are five", 1.0, as_recorded=True)


def test_without_it_the_suite_kills_and_tells_by_what() -> None:
    without = Run(None, (FAILED.test,))
    fate = fate_of(mutant_trial(SLIP), (KILLER, PASSED), (SUITE, FAILED), (without, PASSED))
    assert fate == Fate("a slip", "killed", "HTTP: visits: two and two are five", 1.0, killer="HTTP: visits")
    not_there = Result(5)
    assert fate_of(mutant_trial(SLIP), (KILLER, not_there), (SUITE, FAILED), (without, PASSED)) == fate


def test_what_fails_without_the_mutant_kills_nothing() -> None:
    fate = fate_of(mutant_trial(SLIP), (KILLER, PASSED), (SUITE, FAILED), (Run(None, (FAILED.test,)), FAILED))
    assert fate is not None
    assert (fate.what, fate.by) == ("invalid", "HTTP: visits fails without the mutant too")
    with pytest.raises(Unsound, match="two and two are five"):
        fate_of(package_trial((FAILED.test,)), (Run(None, (FAILED.test,)), FAILED))


def test_a_mutant_that_no_test_notices_survives() -> None:
    fate = fate_of(mutant_trial(SLIP), (KILLER, PASSED), (SUITE, PASSED))
    assert fate is not None
    assert fate.what == "survived"


@pytest.mark.parametrize(
    "broken",
    [
        Result(2, "tests/agreement/test_every_door.py", [], "cannot be imported"),
        Result(3, "", [], "the process ended without a result"),
        Result(1, FAILED.test, ["UnboundLocalError", "NameError", "Exception"], "x"),
        Result(1, FAILED.test, ["BinderException", "Exception"], "Binder Error: no such column"),
    ],
)
def test_what_nobody_could_have_overlooked_is_no_mutant(broken: Result) -> None:
    for runs in [[(KILLER, broken)], [(KILLER, PASSED), (SUITE, broken)]]:
        fate = fate_of(mutant_trial(SLIP), *runs)
        assert fate is not None
        assert fate.what == "invalid"


def test_only_the_mutated_file_of_a_tree_is_another(tmp_path: Path) -> None:
    deep = next(mutant for mutant in MUTANTS if mutant.file == "engines/rows/kernel.py")
    for mutant, tree in ((deep, tmp_path / "a"), (None, tmp_path / "b")):
        tree.mkdir()
        plant(mutant, PACKAGE, tree)
        package = tree / PACKAGE.name
        for path in PACKAGE.rglob("*.py"):
            file = path.relative_to(PACKAGE)
            if mutant is not None and str(file) == mutant.file:
                assert package.joinpath(file).read_text(encoding="utf-8") == mutant.applied(source_of(mutant))
                assert [*package.joinpath(file).parent.joinpath("__pycache__").glob(f"{file.stem}.*")] == []
            else:
                assert package.joinpath(file).samefile(path)


def test_it_is_noticed_that_a_mutant_is_not_in_place(tmp_path: Path) -> None:
    import_module("customer_features.definition.money")
    in_place(None, PACKAGE.parent)
    with pytest.raises(AssertionError, match="is of another tree"):
        in_place(None, tmp_path)
    with pytest.raises(AssertionError, match="is not the mutant"):
        in_place(SLIP, tmp_path)
    with pytest.raises(AssertionError, match="was not compiled from the mutant's text"):
        in_place(SLIP, PACKAGE.parent)


def test_parts_of_names_choose_mutants(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []

    def tried(mutants: list[Mutant], recording: bool) -> int:
        chosen.extend(mutant.name for mutant in mutants)
        return 7 if recording else 0

    monkeypatch.setattr("tests.mutation.__main__.tried", tried)
    assert main(["ids ", "rows: half", "--record"]) == 7
    assert chosen == [mutant.name for mutant in MUTANTS if "ids " in mutant.name or "rows: half" in mutant.name]
    chosen.clear()
    assert main([]) == 0
    assert chosen == [mutant.name for mutant in MUTANTS]


PLANTED = """
import sys
from tests.mutation import __main__, child
from tests.mutation.mutants import Mutant

child.SUITE = ("tests/agreement/test_doors.py",)
__main__.limit_of = lambda run: 0 if run.mutant and run.mutant.name == "hanging" else 600
cents, recency = "MAX_CENTS = 2**53 - 1", "float(m.today - last)"
elsewhere = "Python, PyArrow: visits"
sys.exit(
    __main__.tried(
        [
            Mutant("of a server", "definition/features.py", recency, "float(m.today - last + 1)", "HTTP: visits"),
            Mutant("of the suite", "engines/rows/kernel.py", "if day > last_day:", "if day < last_day:", elsewhere),
            Mutant("equivalent", "definition/money.py", cents, "MAX_CENTS = 2**53 - 2 + 1", elsewhere),
            Mutant("broken", "definition/money.py", cents, "MAX_CENTS = 2**53 -", elsewhere),
            Mutant("hanging", "definition/features.py", recency, "sum(iter(int, 1))", "rows, in-process: visits"),
        ]
    )
)
"""


@pytest.mark.slow
def test_children_run_tests_over_their_mutants() -> None:
    """Kill one through a server of the child, one with the suite; one changes nothing, one is no Python, one hangs."""
    ran = _ran("-c", PLANTED)
    fates = {name: rest for line in ran.stdout.splitlines() if "  " in line for name, _, rest in [line.partition("  ")]}
    assert fates["of a server"].split()[0] == "killed"
    assert "HTTP: visits: " in fates["of a server"]
    assert fates["of the suite"].split()[0] == "killed"
    assert fates["equivalent"].split()[0] == "survived"
    assert fates["broken"].split()[0] == "invalid"
    assert fates["hanging"].split()[0] == "killed"
    assert "took longer than 0 s" in fates["hanging"]
    assert "5 mutants, 3 killed" in ran.stdout
    assert "2 by their recorded killers" in ran.stdout
    assert (
        "of the suite: recorded killer 'Python, PyArrow: visits' did not kill it; killed by 'test_doors.py::test_bytes'"
        in ran.stdout
    )
    assert ran.returncode == 1


@pytest.mark.slow
def test_one_mutant_by_its_name() -> None:
    ran = _ran("-m", "tests.mutation", "rows: half to even")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 mutants, 1 killed" in ran.stdout
    assert "1 by their recorded killers" in ran.stdout


def _ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=child_environment(), capture_output=True, text=True, timeout=600, check=False
    )
