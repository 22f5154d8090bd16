"""A real standalone cluster of Spark on this machine: a master and two workers, each a process, and jobs for it."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, child_environment
from tests.spark_door import QUICK_JAVA, java
from tests.waiting import until

EXECUTOR = b"CoarseGrainedExecutorBackend"
SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
}


def environment(**more: str) -> dict[str, str]:
    """Of Spark's processes: this Python's own Spark, on the loopback alone."""
    import pyspark

    found = {
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "JDK_JAVA_OPTIONS": QUICK_JAVA,  # workers pass it on to their executors
    }
    return child_environment(**found, **more)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: its exit code, and what it said."""

    code: int
    said: str


def _ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=900, check=False)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster: its address, and the processes of its workers."""

    url: str
    workers: tuple[subprocess.Popen[bytes], ...]
    folder: Path

    def executors(self, worker: int) -> list[int]:
        """The processes of a worker's executors."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.workers[worker].pid and EXECUTOR in path.joinpath("cmdline").read_bytes():
                    found.append(int(path.name))
            except OSError:
                continue  # it has just ended
        return found

    def kill_at_work(self, worker: int, said: Path) -> None:
        """Kill a worker's executor in a task, as the system does where memory is short.

        ``said``: what the driver says, which is at once; its log of events comes later.
        """
        [process] = until(lambda: self.executors(worker), "an executor")
        os.kill(process, signal.SIGSTOP)  # whatever task it is given does not end
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        name = words[words.index(b"--executor-id") + 1].decode()
        until(lambda: name in executors_at_work(said.read_text()), f"a task of executor {name}")
        os.kill(process, signal.SIGKILL)

    def command(self, *arguments: object, **settings: str) -> list[str]:
        """``spark-submit`` of the job."""
        return self.command_of(ROOT / "customer_features" / "spark" / "__main__.py", *arguments, **settings)

    def command_of(self, script: Path, *arguments: object, **settings: str) -> list[str]:
        """``spark-submit`` of a script."""
        given = {
            **SETTINGS,
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": self.log_folder.as_uri(),
            "spark.eventLog.compress": "false",
            **settings,
        }
        options = [word for name, value in given.items() for word in ("--conf", f"{name}={value}")]
        submit = str(Path(sys.executable).with_name("spark-submit"))
        return [submit, "--master", self.url, *options, str(script), *map(str, arguments)]

    @property
    def log_folder(self) -> Path:
        """Where jobs leave their event logs."""
        return self.folder / "events"

    def submit(self, *arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a job to its end."""
        return _ran(self.command(*arguments, **settings))

    def submit_all(self, jobs: Mapping[str, Sequence[object]], **settings: str) -> tuple[dict[str, Done], str]:
        """Run several jobs to their ends, one after the other in one application; give them and its event log."""
        asked, results = self.folder / "jobs.json", self.folder / "results.json"
        asked.write_text(json.dumps({name: list(map(str, arguments)) for name, arguments in jobs.items()}))
        ran = _ran(self.command_of(ROOT / "tests" / "spark_jobs.py", asked, results, **settings))
        assert ran.returncode == 0, ran.stderr[-3000:]
        found = {name: Done(**result) for name, result in json.loads(results.read_text()).items()}
        return found, log_text(self.log_folder)

    @contextmanager
    def started(self, said: Path, *arguments: object, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """A job while it runs; what it says goes to a file."""
        with said.open("wb") as out:
            job = subprocess.Popen(self.command(*arguments, **settings), env=environment(), stdout=out, stderr=out)
            try:
                yield job
            finally:
                job.kill()
                job.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A master and two workers with one core each, which end with the block."""
    java()
    spark_class = str(Path(environment()["SPARK_HOME"]) / "bin" / "spark-class")
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> str:
        """Start a process; the address that it tells of itself."""
        log = folder / f"{name}.log"
        with log.open("wb") as out:
            command = [spark_class, *arguments]
            started.append(
                subprocess.Popen(command, env=environment(), stdout=out, stderr=out, cwd=folder, start_new_session=True)
            )
        # The workers' line comes when the master has taken them.
        line = re.compile(r"Starting Spark master at (\S+)|Successfully registered with master (\S+)")
        told = until(lambda: line.search(log.read_text()), lambda: f"{name}'s start: {log.read_text()[-3000:]}")
        return told[1] or told[2]

    folder.joinpath("events").mkdir()
    here = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    deploy = "org.apache.spark.deploy"
    try:
        url = start("master", f"{deploy}.master.Master", *here)
        for name in ("one", "two"):
            start(
                name,
                f"{deploy}.worker.Worker",
                *here,
                "--cores",
                "1",
                "--memory",
                "1200m",
                "-d",
                str(folder / name),
                url,
            )
        yield Cluster(url, tuple(started[1:]), folder)
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a job: what its tasks read and wrote, in records."""

    number: int
    tasks: int
    rows_read: int
    """Rows of the source, or batches of persisted rows."""
    records: int
    """Records that came through the shuffle."""
    most: int
    """Of those, what came to the task that got most."""
    median: float
    written: int
    """Records that went into the next shuffle."""

    def line(self) -> str:
        """A line of the table in docs/spark.md."""
        shuffled = f"{self.records:,} | {self.most:,} | {self.median:,.0f}" if self.records else "| | "
        return f"| {self.number} | {self.tasks} | {self.rows_read:,} | {shuffled} | {self.written:,} |"


def log_text(folder: Path) -> str:
    """The log of events of the newest job in a folder, as far as it is written."""
    logs = sorted(folder.glob("*/events_*"), key=lambda path: path.stat().st_mtime)
    return logs[-1].read_text() if logs else ""


def whole_events(log: str, *kinds: str) -> list[dict[str, Any]]:
    """The events of some kinds, or of all, in a log whose last line may be written by half."""
    lines = log[: log.rfind("\n") + 1].splitlines()
    return [
        json.loads(line)
        for line in lines
        if not kinds or any(line.startswith(f'{{"Event":"SparkListener{kind}"') for kind in kinds)
    ]


def executors_at_work(said: str) -> set[str]:
    """The executors that have a task, by what a driver says."""
    tasks = dict(re.findall(r"Starting task \S+ in stage \S+ \(TID (\d+)\) \([^,]+,executor (\d+),", said))
    for ended in re.findall(r"(?:Finished|Lost) task \S+ in stage \S+ \(TID (\d+)\)", said):
        tasks.pop(ended, None)
    return set(tasks.values())


def stages(log: str, job: str | None = None) -> list[Stage]:
    """The stages that ran, in order: all of them, or those of one job of several."""
    submitted = whole_events(log, "StageSubmitted")
    groups = {event["Stage Info"]["Stage ID"]: event["Properties"].get("spark.jobGroup.id") for event in submitted}
    by_stage: dict[int, list[Mapping[str, Any]]] = {}
    for event in whole_events(log, "TaskEnd"):
        if event["Task End Reason"]["Reason"] == "Success" and groups[event["Stage ID"]] == job:
            by_stage.setdefault(event["Stage ID"], []).append(event["Task Metrics"])
    found = []
    for number, metrics in sorted(by_stage.items()):
        records = [one["Shuffle Read Metrics"]["Total Records Read"] for one in metrics]
        rows = sum(one["Input Metrics"]["Records Read"] for one in metrics)
        written = sum(one["Shuffle Write Metrics"]["Shuffle Records Written"] for one in metrics)
        found.append(Stage(number, len(metrics), rows, sum(records), max(records), statistics.median(records), written))
    return found
