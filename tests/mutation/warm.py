"""Import the heavy libraries once, in one warm process, and fork a child for each run of tests.

Only children import the package under test, each from a tree of its own with the mutant in it.
"""

from __future__ import annotations

import compileall
import gc
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.mutation.mutants import DOOR_TEST, PACKAGE, Mutant, source_of

LIBRARIES = (
    *("_hypothesis_pytestplugin", "anyio", "hypothesis.strategies", "pdb", "pytest", "tomllib", "unittest.mock"),
    *("duckdb", "numpy", "pandas", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet"),
    *("dask.dataframe", "narwhals", "sklearn.base", "sklearn.utils.validation", "sklearn.exceptions"),
    *("click.shell_completion", "httpx", "msgspec", "rich.console", "sqlglot.dialects", "sqlglot.optimizer"),
    *("pyspark.sql", "pyspark.sql.classic.dataframe", "pyspark.sql.pandas.types"),
)
"""The libraries that children need.

Polars, chDB, and the driver of PostgreSQL, which imports Polars, are missing: they start threads when they are
imported. A fork copies only the thread that calls it. A lock that another thread holds at that moment stays locked in
the child for ever. DuckDB and PyArrow start theirs when they first compute, which happens in children only.
"""
QUIET = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
"""Environment that stops libraries from starting threads on import, and pytest from searching plugins in each child."""


@dataclass(frozen=True, slots=True)
class Run:
    """Tests to run in a child over a mutant, or over the unchanged package. Without names they are the whole suite."""

    mutant: Mutant | None
    tests: tuple[str, ...] = ()

    @property
    def warehouse(self) -> str:
        """The one of WAREHOUSES that the named tests need. The whole suite starts its own when it needs them."""
        needed = {name for name in WAREHOUSES for test in self.tests if test.startswith(f"{DOOR_TEST}[{name}")}
        assert len(needed) <= 1, "split the tests of several warehouses into several runs"
        return next(iter(needed), "")


@dataclass(slots=True)
class Result:
    """The outcome of a run: pytest's exit code, the first failure, and the CPU seconds of all its processes."""

    code: int
    test: str = ""
    kinds: list[str] = field(default_factory=list)
    message: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing failed. That includes exit code 5: no test has such a name."""
        return self.code in (0, 5)


class Child:
    """A process that runs tests over the package in its tree."""

    def __init__(self, run: Run, tree: tempfile.TemporaryDirectory[str], process: int, told: int) -> None:
        self.run = run
        self.told = told
        self._tree = tree
        self._process = process

    def result(self) -> Result:
        """Wait for the child to end."""
        with os.fdopen(self.told, "rb") as told:
            said = told.read()
        _, _, used = os.wait4(self._process, 0)
        seconds = used.ru_utime + used.ru_stime
        output = Path(self._tree.name, "output").read_text(errors="replace")
        self._tree.cleanup()
        if not said:
            return Result(3, message=f"the process ended without a result\n{output[-2000:]}", seconds=seconds)
        result = Result(**json.loads(said), seconds=seconds)
        result.message = result.message or output[-2000:]
        return result

    def kill(self) -> None:
        """Kill the child and all processes that it started."""
        import psutil

        parent = psutil.Process(self._process)
        for process in [*parent.children(recursive=True), parent]:
            process.kill()
        os.close(self.told)
        os.waitpid(self._process, 0)
        self._tree.cleanup()


class Lent:
    """A warehouse that runs in a process of its own, for one child at a time."""

    def __init__(self, process: int, told: int, hold: int) -> None:
        self.process = process
        self.told = told
        """A pipe that can be read once the warehouse is up. It ends without data if the warehouse cannot be started."""
        self.hold = hold
        """A pipe that ends the process when it is closed."""
        self.where: Any = None
        """What a child needs to connect to it; None until it is up."""
        self.busy = False

    def close(self) -> None:
        os.close(self.hold)
        os.close(self.told)
        os.waitpid(self.process, 0)


class Warm:
    """The process that forks. It holds a copy of the package, the libraries, and the warehouses that it lends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self._lent: dict[str, Lent] = {}

    def __enter__(self) -> Warm:
        os.environ.update(QUIET)
        # Hypothesis and pytest write files into the folder that they are started in.
        os.chdir(self._folder.name)
        without = shutil.ignore_patterns("*.so", "*.pyd")  # Python would prefer a compiled module to its mutant
        shutil.copytree(PACKAGE, self._package, ignore=without)
        compileall.compile_dir(self._package, quiet=1)
        for name in LIBRARIES:
            import_module(name)
        gc.collect()
        gc.freeze()  # the collector of a child would otherwise copy the shared memory page by page
        return self

    def __exit__(self, *_: object) -> None:
        for lent in self._lent.values():
            lent.close()
        gc.unfreeze()
        os.chdir(PACKAGE.parent)
        self._folder.cleanup()

    @property
    def _package(self) -> Path:
        return Path(self._folder.name, PACKAGE.name)

    def can_start(self, run: Run) -> bool:
        """Whether the warehouse that a run needs is up, and not in use."""
        if (lent := self._lent.get(run.warehouse)) is None:
            return True
        if lent.where is None and select.select([lent.told], [], [], 0)[0]:
            if not (said := os.read(lent.told, 1 << 16)):
                why = self._log(run.warehouse).read_text(errors="replace")[-500:]
                print(f"{run.warehouse} could not be started, so each child tries to start its own: {why}")
                self._lent.pop(run.warehouse).close()
                return True
            lent.where = json.loads(said)
        return lent.where is not None and not lent.busy

    def awaited(self) -> list[int]:
        """The pipes that become readable when another warehouse is up."""
        return [lent.told for lent in self._lent.values() if lent.where is None]

    def start(self, run: Run) -> Child:
        """Start a run in a child."""
        tree = tempfile.TemporaryDirectory(prefix="run-", dir=self._folder.name, ignore_cleanup_errors=True)
        plant(run.mutant, self._package, Path(tree.name))
        where = {}
        if lent := self._lent.get(run.warehouse):
            lent.busy = True
            where[run.warehouse] = lent.where
        read, write = os.pipe()

        def testing() -> None:
            from tests.mutation.child import tested

            told = tested(run, Path(tree.name), self._package, where)
            with os.fdopen(write, "w") as out:
                json.dump(told, out)

        process = self._forked(testing, read)
        os.close(write)
        return Child(run, tree, process, read)

    def ended(self, child: Child) -> None:
        """Take back the warehouse of a child that has ended."""
        if lent := self._lent.get(child.run.warehouse):
            lent.busy = False

    def lend(self, name: str) -> None:
        """Start a warehouse in the background."""
        read, write = os.pipe()
        held, hold = os.pipe()

        def keeping() -> None:
            log = os.open(self._log(name), os.O_CREAT | os.O_WRONLY)
            for descriptor in (1, 2):
                os.dup2(log, descriptor)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when its pipe is closed
            for where in WAREHOUSES[name]():
                os.write(write, json.dumps(where).encode())
                os.read(held, 1)

        process = self._forked(keeping, read, hold)
        os.close(write)
        os.close(held)
        self._lent[name] = Lent(process, read, hold)

    def _log(self, name: str) -> Path:
        return Path(self._folder.name, f"{name}.log")

    def _forked(self, work: Callable[[], None], *closed: int) -> int:
        """Fork a process that does some work and ends; return its number."""
        assert _threads() == 1, "a process with several threads must not be forked"
        early = [name for name in sys.modules if name.partition(".")[0] == PACKAGE.name]
        assert not early, f"children would inherit {early} without the mutant"
        sys.stdout.flush()
        sys.stderr.flush()
        if process := os.fork():
            return process
        code = 1
        try:
            for descriptor in (*closed, *(lent.hold for lent in self._lent.values())):
                os.close(descriptor)
            work()
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            # Skip the clean-up of the objects that are copies of the parent's.
            os._exit(code)


def _threads() -> int:
    """Count the threads of this process: on Linux, also those that no Python code started."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()


def plant(mutant: Mutant | None, package: Path, tree: Path) -> None:
    """Make a tree of links to a package, in which only the mutated file and the folders above it are new."""
    for name in ("tests", "pyproject.toml"):
        tree.joinpath(name).symlink_to(PACKAGE.parent / name)
    there = tree / package.name
    if mutant is None:
        there.symlink_to(package)
        return
    file = package / mutant.file
    _link(package, there, file)
    there.joinpath(mutant.file).write_text(mutant.applied(source_of(mutant, package)), encoding="utf-8")


def _link(folder: Path, there: Path, file: Path) -> None:
    """Link everything in a folder except one file below it and the bytecode of that file."""
    there.mkdir()
    cached = file.parent / "__pycache__"
    for path in folder.iterdir():
        if path in (*file.parents, cached):
            _link(path, there / path.name, file)
        elif path != file and not (folder == cached and path.name.startswith(f"{file.stem}.")):
            there.joinpath(path.name).symlink_to(path)


def _postgresql() -> Iterator[Any]:
    from tests import database

    with database.serving() as port:
        yield port


def _spark() -> Iterator[Any]:
    from tests import spark_door

    with spark_door.running() as session:
        gateway = session.sparkContext._gateway
        yield [gateway.gateway_parameters.port, gateway.gateway_parameters.auth_token]
    gateway.proc.stdin.close()  # Java ends when its input ends
    gateway.proc.wait()


WAREHOUSES: dict[str, Callable[[], Iterator[Any]]] = {"PostgreSQL": _postgresql, "Spark": _spark}
"""Warehouses that are slow to start, by the beginning of the names of their doors.

Each starts when its iterator is first asked, yields what a child needs to connect to it, and ends with the iterator.
"""
