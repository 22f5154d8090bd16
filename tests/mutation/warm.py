"""The one warm process: it imports the heavy libraries once, and forks a child for each run of tests.

The package under test is imported by children alone, each from a tree of its own with the mutant in it.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.mutation.mutants import DOOR_TEST, PACKAGE, Mutant, source_of

LIBRARIES = (
    *("_hypothesis_pytestplugin", "hypothesis.strategies", "pytest", "unittest.mock"),
    *(
        "duckdb",
        "numpy",
        "pandas",
        "pyarrow.compute",
        "pyarrow.dataset",
        "pyarrow.parquet",
    ),
    *("dask.dataframe", "narwhals", "sklearn.base", "sklearn.utils.validation", "sklearn.exceptions"),
    *("httpx", "msgspec", "rich.console", "rich.progress", "sqlglot.dialects", "sqlglot.optimizer"),
    *("pyspark.sql", "pyspark.sql.classic.dataframe", "pyspark.sql.pandas.types"),
)
"""What children need and none should import by itself.

Not among them: Polars, the driver of PostgreSQL, which imports Polars, and chDB. They start threads when they are
imported. A fork takes only the thread that calls it along, and a lock that another thread holds at that moment stays
locked in the child for good.
"""
QUIET = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
"""Keeps libraries from starting threads when they are imported, and pytest from looking for plugins in each child."""


@dataclass(frozen=True, slots=True)
class Run:
    """Tests to run in a child, over a mutant or over the package as it is: those named, or the whole suite."""

    mutant: Mutant | None
    tests: tuple[str, ...] = ()

    @property
    def warehouse(self) -> str:
        """The one of WAREHOUSES that the named tests need. The whole suite starts its own where it comes to it."""
        needed = {name for name in WAREHOUSES for test in self.tests if test.startswith(f"{DOOR_TEST}[{name}")}
        assert len(needed) <= 1, "tests of several warehouses belong into several runs"
        return next(iter(needed), "")


@dataclass(slots=True)
class Result:
    """What came of a run: pytest's exit code, the first failure, and the CPU seconds of all its processes."""

    code: int
    test: str = ""
    kinds: list[str] = field(default_factory=list)
    message: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing failed, be it that no test is of these names."""
        return self.code in (0, 5)


class Child:
    """A process that runs tests, and its tree."""

    def __init__(self, run: Run, tree: tempfile.TemporaryDirectory[str], process: int, told: int) -> None:
        self.run = run
        self.told = told
        self._tree = tree
        self._process = process

    def result(self) -> Result:
        """Wait for the end of the child."""
        with os.fdopen(self.told, "rb") as told:
            said = told.read()
        _, _, used = os.wait4(self._process, 0)
        seconds = used.ru_utime + used.ru_stime
        output = Path(self._tree.name, "output").read_text(errors="replace")
        self._tree.cleanup()
        if not said:
            return Result(3, message=f"the process ended without a word\n{output[-2000:]}", seconds=seconds)
        result = Result(**json.loads(said), seconds=seconds)
        result.message = result.message or output[-2000:]
        return result

    def kill(self) -> None:
        """End the child and all that it started."""
        import psutil

        parent = psutil.Process(self._process)
        for process in [*parent.children(recursive=True), parent]:
            process.kill()
        os.close(self.told)
        os.waitpid(self._process, 0)
        self._tree.cleanup()


class Lent:
    """A warehouse that a process of its own keeps for all children, one after the other."""

    def __init__(self, process: int, told: int, hold: int) -> None:
        self.process = process
        self.told = told
        """Can be read once the warehouse is up, and ends where it cannot be had."""
        self.hold = hold
        """The process ends when nobody holds this any more."""
        self.where: Any = None
        """What a child needs to reach it."""
        self.busy = False

    def close(self) -> None:
        os.close(self.hold)
        os.close(self.told)
        os.waitpid(self.process, 0)


class Warm:
    """The process that forks: a folder with a copy of the package, the libraries, and the warehouses that it lends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self._lent: dict[str, Lent] = {}

    def __enter__(self) -> Warm:
        os.environ.update(QUIET)
        # Hypothesis and pytest leave files in the folder that they are started in.
        os.chdir(self._folder.name)
        without = shutil.ignore_patterns("*.so", "*.pyd")  # a compiled module would hide its mutant
        shutil.copytree(PACKAGE, self._package, ignore=without)
        compileall.compile_dir(self._package, quiet=1)
        for name in LIBRARIES:
            import_module(name)
        gc.collect()
        gc.freeze()  # children then share the memory of what is imported
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
        """Whether the warehouse that a run needs is up and nobody else's at the moment."""
        if (lent := self._lent.get(run.warehouse)) is None:
            return True
        if lent.where is None and select.select([lent.told], [], [], 0)[0]:
            if not (said := os.read(lent.told, 1 << 16)):
                said_last = self._log(run.warehouse).read_text(errors="replace")[-500:]
                print(f"{run.warehouse} cannot be lent, each child tries for itself: {said_last}")
                self._lent.pop(run.warehouse).close()
                return True
            lent.where = json.loads(said)
        return lent.where is not None and not lent.busy

    def awaited(self) -> list[int]:
        """What can be read from when a further warehouse is up."""
        return [lent.told for lent in self._lent.values() if lent.where is None]

    def start(self, run: Run) -> Child:
        """Begin a run in a child."""
        tree = tempfile.TemporaryDirectory(prefix="run-", dir=self._folder.name, ignore_cleanup_errors=True)
        plant(run.mutant, self._package, Path(tree.name))
        where = {}
        if lent := self._lent.get(run.warehouse):
            lent.busy = True
            where[run.warehouse] = lent.where
        read, write = os.pipe()

        def testing() -> None:
            from tests.mutation.child import tested

            told = tested(run, Path(tree.name), where)
            with os.fdopen(write, "w") as out:
                json.dump(told, out)

        process = self._forked(testing, read)
        os.close(write)
        return Child(run, tree, process, read)

    def ended(self, child: Child) -> None:
        """Let others have the warehouse of a child that has ended."""
        if lent := self._lent.get(child.run.warehouse):
            lent.busy = False

    def lend(self, name: str) -> None:
        """Begin to start a warehouse."""
        read, write = os.pipe()
        held, hold = os.pipe()

        def keeping() -> None:
            log = os.open(self._log(name), os.O_CREAT | os.O_WRONLY)
            for descriptor in (1, 2):
                os.dup2(log, descriptor)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that lends it
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
        """The number of a new process that does some work and ends."""
        assert len(list(Path("/proc/self/task").iterdir())) == 1, "a process with several threads must not be forked"
        early = [name for name in sys.modules if name.partition(".")[0] == PACKAGE.name]
        assert not early, f"{early} would be in each child without its mutant"
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
            # No clean-up that is the parent's: it has the same objects.
            os._exit(code)


def plant(mutant: Mutant | None, package: Path, tree: Path) -> None:
    """Make a tree with a mutant of a package in it; all but the mutated file and the folders above it are links."""
    for name in ("tests", "pyproject.toml"):
        tree.joinpath(name).symlink_to(PACKAGE.parent / name)
    there = tree / package.name
    if mutant is None:
        there.symlink_to(package)
        return
    file = package / mutant.file
    _link(package, there, file)
    there.joinpath(mutant.file).write_text(mutant.applied(source_of(mutant)), encoding="utf-8")


def _link(folder: Path, there: Path, file: Path) -> None:
    """Link what is in a folder, but for a file in it and the file's own bytecode."""
    there.mkdir()
    cached = file.parent / "__pycache__"
    for path in folder.iterdir():
        if path in (*file.parents, cached):
            _link(path, there / path.name, file)
        elif path != file and not (folder == cached and path.name.startswith(f"{file.stem}.")):
            there.joinpath(path.name).symlink_to(path)


def _postgresql() -> Iterator[Any]:
    from tests import database

    return database.serving()


def _spark() -> Iterator[Any]:
    from tests import spark_door

    with spark_door.running() as session:
        gateway = session.sparkContext._gateway
        yield [gateway.gateway_parameters.port, gateway.gateway_parameters.auth_token]
    gateway.proc.stdin.close()  # which Java takes for the end
    gateway.proc.wait()


WAREHOUSES: dict[str, Callable[[], Iterator[Any]]] = {"PostgreSQL": _postgresql, "Spark": _spark}
"""What takes longer to start than to ask, by the beginnings of the names of doors: an iterator over where it is."""
