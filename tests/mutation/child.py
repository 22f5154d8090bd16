"""Run tests over a mutant, in a child of the warm process, and report the first failure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.mutants import PACKAGE, RULES, SUITE, Mutant, source_of
from tests.mutation.warm import Run


def tested(run: Run, tree: Path, package: Path, lent: Mapping[str, Any]) -> dict[str, Any]:
    """Run tests over the mutant of a package in a tree; return the fields of a ``Result``.

    This changes the process for good: its output, its working folder, its path.
    """
    output = os.open(tree / "output", os.O_CREAT | os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    # This process, and the servers and commands that the tests start, import from the tree.
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    sys.modules["tests"].__path__ = [str(tree / "tests")]
    watch = Watch(run, tree, package, lent)
    modules = sorted({test.partition("::")[0] for test in run.tests}) or [*rules_of(run), *SUITE]
    options = ["-x", "-q", "--tb=no", "--hypothesis-seed=0", "-p", "_hypothesis_pytestplugin"]
    options += ["-p", "no:cacheprovider", *([] if run.tests else ["-m", "not slow or mutants"])]
    code = int(pytest.main([*modules, *options], plugins=[watch]))
    try:
        in_place(run.mutant, tree, package)
    except AssertionError as error:
        return {"code": 3, "message": str(error)}
    return {"code": code, **watch.first}


def rules_of(run: Run) -> tuple[str, ...]:
    """The modules that are tried before the suite."""
    return () if run.mutant is None else RULES.get(run.mutant.file, ())


class Watch:
    """A plugin that selects the tests, checks before them that the mutant is in place, and keeps the first failure."""

    def __init__(self, run: Run, tree: Path, package: Path, lent: Mapping[str, Any]) -> None:
        self.first: dict[str, Any] = {}
        self._run = run
        self._tree = tree
        self._package = package
        self._lent = lent

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._run.tests:
            items[:] = [item for item in items if item.nodeid in self._run.tests]
        elif self._run.mutant is not None:
            first = self._run.mutant.first
            rules = rules_of(self._run)
            items.sort(key=lambda item: (item.nodeid.partition("::")[0] not in rules, first not in item.name))

    def pytest_collection_finish(self) -> None:
        in_place(self._run.mutant, self._tree, self._package)
        borrow(self._lent)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._keep(report.nodeid, [], report.longreprtext[-3000:])

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._keep("", [], f"{excinfo.typename}: {excinfo.value}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
        report = yield
        if call.excinfo is not None and report.failed:
            kinds = [kind.__name__ for kind in type(call.excinfo.value).__mro__]
            self._keep(item.nodeid, kinds, str(call.excinfo.value)[:3000])
        return report

    def _keep(self, test: str, kinds: list[str], message: str) -> None:
        self.first = self.first or {"test": test, "kinds": kinds, "message": message}


def in_place(mutant: Mutant | None, tree: Path, original: Path = PACKAGE) -> None:
    """Raise AssertionError unless this process uses the package in a tree, with the mutant in it."""
    package = tree / PACKAGE.name
    if mutant is not None:
        parts = Path(mutant.file).with_suffix("").parts
        name = ".".join((PACKAGE.name, *parts)).removesuffix(".__init__")
        module, changed = import_module(name), mutant.applied(source_of(mutant, original))
        assert module.__file__ == str(package / mutant.file), f"{module.__file__} is not the mutant"
        assert module.__loader__ is not None
        # The file alone proves little: the code could come from old bytecode.
        assert module.__loader__.get_code(name) == compile(changed, module.__file__, "exec", dont_inherit=True), (  # type: ignore[attr-defined]
            f"{name} was not compiled from the mutant's text"
        )
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == PACKAGE.name:
            assert Path(str(module.__file__)).is_relative_to(package), f"{module.__file__} is of another tree"


def borrow(lent: Mapping[str, Any]) -> None:
    """Make doors use warehouses that are running already."""
    if not lent:
        return
    from tests import database, spark_door, warehouses
    from tests.agreement.every_door import warehouses as doors

    if port := lent.get("PostgreSQL"):
        doors.PostgreSQL.start = lambda *_: warehouses.postgres(database.Database(port, "postgres"))  # type: ignore[method-assign]
    if where := lent.get("Spark"):
        doors.Spark.start = lambda *_: spark_door.spark(_session(*where))  # type: ignore[method-assign]


def _session(port: int, secret: str) -> Any:
    """Open a new session over the Spark context in the JVM of another process."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    os.environ |= {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
    gateway = launch_gateway()
    java = gateway.jvm.org.apache.spark
    context = java.api.java.JavaSparkContext(java.SparkContext.getOrCreate())
    own = SparkContext(gateway=gateway, jsc=context, conf=SparkConf(_jconf=context.getConf()))
    return SparkSession(own, java.sql.classic.SparkSession.getDefaultSession().get().newSession())
