"""Runs of the command line that share its start: a process that has imported it forks a child for each run.

To import the package takes longer than to build 300 rows, and longer still under strace. A child stands still until
strace has attached to it.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import TracebackType

from tests.conftest import ROOT, child_environment

IMPORTED = (
    *("pyarrow.csv", "pyarrow.parquet", "sqlglot.dialects.duckdb", "customer_features.cli.build"),
    *("customer_features.cli.progress", "customer_features.engines.duckdb.plan", "customer_features.targets.files"),
)
"""All that a build imports is imported by these."""

_PR_SET_PTRACER, _ANYBODY = 0x59616D61, -1


class Warm:
    """The process that forks, as its parent sees it. It runs one child at a time."""

    def __enter__(self) -> Warm:
        # One thread to fork is one thread fewer to lose.
        environment = child_environment(OPENBLAS_NUM_THREADS="1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.warm"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)

    def fork(self, arguments: list[str], err: Path, **environment: str) -> int:
        """Fork a child that is to run ``customer-features`` with these arguments; the child's process id.

        What it says on standard error goes to the file ``err``.
        """
        return int(self._ask(json.dumps({"arguments": arguments, "err": str(err), "environment": environment})))

    def run(self) -> int:
        """Let the child run, wait for its end, and return its exit code (minus the signal that killed it)."""
        return int(self._ask("run"))

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has died"
        return answer


def _serve() -> None:
    from customer_features.cli import main

    for name in IMPORTED:
        import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        ours, childs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _become(Path(asked["err"]), asked["environment"])
            childs.send(b"!")  # it may be traced now
            childs.recv(1)
            childs.close()
            main(asked["arguments"])
        childs.close()
        ours.recv(1)
        print(pid, flush=True)
        sys.stdin.readline()
        ours.close()
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(err: Path, environment: dict[str, str]) -> None:
    """Take the place of a process of its own: its streams, its environment, and that anybody may trace it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
    os.environ.update(environment)
    # Where Linux lets only a parent trace (Yama), strace is none. The call fails where there is no Yama.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANYBODY), 0, 0, 0)


if __name__ == "__main__":
    _serve()
