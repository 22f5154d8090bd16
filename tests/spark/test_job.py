"""The Spark job's options and refusals, which need no Java; the job itself is in spark/test_cluster.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from customer_features.cli.build import build
from customer_features.errors import DataFaults, UsageError
from customer_features.spark import job

ELSEWHERE = {
    "query",
    "if_exists",
    "dry_run",
    "memory_limit",
    "spill_dir",
    "spill_limit",
    "log_format",
    "as_json",
    "quiet",
}
"""Options of a run on one machine, whose memory, files and terminal the cluster manages itself."""
OF_TEXT = {"encoding", "decimal", "thousands", "date_format", "incomplete"}
"""Options of text files, which Spark's own readers have."""


def test_its_options_bear_the_names_of_build() -> None:
    ours = {option for parameter in job.job.params for option in parameter.opts}
    theirs = {
        option for parameter in build.params if parameter.name not in ELSEWHERE | OF_TEXT for option in parameter.opts
    }
    assert theirs - ours - {"--log", "--push-down"} == set()
    assert ours - theirs == {"--format", "--read", "--version"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "x"], "Missing argument 'SOURCE...'"),
        (["a.parquet"], "Missing option '--out'"),
        (["a.parquet", "--out", "x", "--grain", "lines"], "--grain: 'lines' is not one of transaction, line"),
        (["a.parquet", "--out", "x", "--every", "month"], "--every: --every, --from and --to go together"),
        (["a.parquet", "--out", "x", "--max-points", "9"], "--max-points: goes with --loyalty PATH"),
        (["a.parquet", "--out", "x", "--today", "2025-02-30"], "--today: '2025-02-30' is not a day of the calendar"),
        (["a.parquet", "--out", "x", "--format", "orc"], "--format: 'orc' is not one of parquet, delta"),
        (["a.parquet", "--out", "x", "--map", "amount"], "--map: 'amount' is not of the form FIELD=EXPR"),
    ],
)
def test_wrong_usage_is_said_before_a_session_starts(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")  # as under spark-submit: no Java is looked for
    monkeypatch.setattr("customer_features.spark.files.session", lambda: pytest.fail("a session was started"))
    assert job.run(arguments) == 2
    assert said in capsys.readouterr().err


def test_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert job.run(["a.parquet", "--out", "x"]) == 2
    said = "Error: Spark needs Java 17 or newer, and there is none: install Java 17 (Debian: apt-get install openjdk-17"
    assert capsys.readouterr().err.lstrip().startswith(said)


@pytest.mark.parametrize(
    ("version", "fits"), [("1.8.0_402", False), ("11.0.22", False), ("17.0.15", True), ("21", True), ("25-ea", True)]
)
def test_an_old_java(version: str, fits: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-16' >&2\n")
    java.chmod(0o755)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    if fits:
        job.check_java()
    else:
        with pytest.raises(UsageError, match=re.escape(f"{java} is {version}: install Java 17")):
            job.check_java()


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataFaults("2 of 9 rows are faulty", {"missing_date": 2}, [], 9), 1, "Error: 2 of 9 rows are faulty\n"),
        (UsageError("no such thing"), 2, "Error: no such thing\n"),
        (ValueError("a\nb"), 2, "Error: a\nNothing is left half-written."),
        (KeyboardInterrupt(), 130, "Error: interrupted"),
        (job._Stopped(), 143, "Error: terminated"),
    ],
)
def test_exit_codes(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **more: Any) -> None:
        raise error

    monkeypatch.setattr(job, "check_java", fail)
    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    assert job.run(["a.parquet", "--out", "x"]) == code
    assert capsys.readouterr().err.lstrip().startswith(said)
