"""``--log json``: every line on standard error is one JSON object, whatever happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from customer_features.cli.log import Log, asked
from tests.conftest import TODAY, Cli, child_environment, csv_text
from tests.waiting import BOUND

ROWS = csv_text(*["a,1,2025-04-20,1.5,p", "b,2,2025-04-21,2.5,q"] * 60, "c,3,x,1,p", "c,4,2052-01-01,1,p")

STARTED = datetime.now(UTC).replace(microsecond=0)
"""No line can be of an earlier moment."""


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(ROWS)
    return path


def lines(err: str) -> list[dict[str, Any]]:
    """The lines of standard error, each of which must be an object with what every line has."""
    found: list[dict[str, Any]] = [json.loads(line) for line in err.splitlines()]
    for line in found:
        moment = datetime.fromisoformat(line["time"])
        assert line["time"].endswith("Z")
        assert STARTED <= moment <= datetime.now(UTC)
        assert line["level"] in ("info", "warning", "error")
        assert line["event"].replace("_", "").isalpha()
        assert line["message"]
    return found


def test_a_run_line_by_line(cli: Cli, rows: Path, tmp_path: Path) -> None:
    rows.write_bytes(b"\xef\xbb\xbf" + ROWS.replace("customer_id", "Client").encode())
    scores, out = tmp_path / "l.csv", tmp_path / "f.parquet"
    scores.write_text("customer_id,loyalty_score\na,0.5\nz,0.5\n")
    words = ("build", rows, "--out", out, "--today", TODAY, "--max-faults", "5%", "--loyalty", scores)
    ran = cli(*words, "--log", "json")
    assert (ran.code, ran.out) == (0, "")
    found = lines(ran.err)
    events = [line["event"] for line in found]
    assert events == [
        *("started", "note", "recognised", "judged", "fault", "fault", "customers", "note", "loyalty"),
        *("warning", "warning", "warning", "quarantine", "published"),
    ]
    by_event = {line["event"]: line for line in found}
    assert (by_event["started"]["sources"], by_event["started"]["out"]) == ([str(rows)], str(out))
    assert [line.get("source") for line in found if line["event"] == "note"] == [str(rows), None]
    assert by_event["recognised"]["mapping"]["customer_id"] == "Client"
    assert by_event["judged"]["rows"] == {"in": 122, "used": 120, "excluded": 0, "excluded_by": {}, "quarantined": 2}
    assert by_event["judged"]["faults"] == {"unreadable_date": 1, "future_date": 1}
    assert (by_event["fault"]["fault"], by_event["fault"]["rows"]) == ("future_date", 1)
    assert by_event["loyalty"]["unknown_customers"] == 1
    assert by_event["warning"]["level"] == "warning"
    assert by_event["quarantine"]["path"] == f"{out}.quarantine.parquet"
    last = by_event["published"]
    assert (last["path"], last["customers"], last["exit_code"], last["output"]["rows"]) == (str(out), 2, 0, 2)
    assert last["seconds"] >= 0
    # The sentences are those of the text.
    said = " ".join(cli(*words).err.split())
    for line in found[1:-1]:
        assert " ".join(line["message"].split()) in said


def test_a_check_line_by_line(cli: Cli, rows: Path) -> None:
    ran = cli("check", rows, "--today", TODAY, "--log", "json", "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["rows"]["quarantined"] == 2
    found = lines(ran.err)
    assert [line["event"] for line in found] == ["started", "recognised", "judged"]
    assert (found[-1]["rows"], found[-1]["exit_code"]) == ({"in": 122, "quarantined": 2}, 1)


@pytest.mark.parametrize(
    ("words", "code", "error", "says"),
    [
        (("build", "t.csv", "--log", "json"), 2, "MissingParameter", "--out"),
        (("build", "t.csv", "--out", "f.csv", "--tody", "x", "--log", "json"), 2, "NoSuchOption", "--tody"),
        (("build", "--log=json", "t.csv", "--out"), 2, "BadOptionUsage", "--out"),
        (("build", "t.csv", "--out", "f.csv", "--grain", "x", "--log=json"), 2, "InvalidOption", "--grain: 'x'"),
        (("build", "t.csv", "--out", "f.pdf", "--log", "json"), 2, "OutputError", "f.pdf"),
        (("check", "missing.csv", "--log", "json"), 2, "SourceError", "missing.csv: no such file"),
        (("check", "t.csv", "--map", "amount=x", "--log", "json"), 2, "ColumnError", "no column 'x'"),
        (("biuld", "t.csv", "--log", "json"), 2, "UsageError", "did you mean 'build'"),
        (("build", "t.csv", "--out", "f.csv", "--today", TODAY, "--log", "json"), 1, "DataFaults", "2 of 122"),
    ],
)
def test_what_ends_a_run(
    words: tuple[str, ...],
    code: int,
    error: str,
    says: str,
    cli: Cli,
    rows: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli(*words)
    assert (ran.code, ran.out) == (code, "")
    last = lines(ran.err)[-1]
    assert (last["event"], last["level"], last["exit_code"], last["error"]) == ("failed", "error", code, error)
    assert says in last["message"]
    if error == "DataFaults":
        assert last["faults"] == {"unreadable_date": 1, "future_date": 1}
        assert last["found"][0]["row_number"] == 121
    if error == "InvalidOption":
        assert last["option"] == "grain"


def test_a_fault_of_our_own(cli: Cli, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("at postgresql://me:secret@host/db?sslkey=key")

    monkeypatch.setattr("customer_features.cli.bulk.Options.parse", broken)
    [line] = lines(cli("check", rows, "--log", "json").err)
    assert (line["error"], line["exit_code"]) == ("ZeroDivisionError", 2)
    assert "traceback" not in line
    monkeypatch.setenv("CUSTOMER_FEATURES_DEBUG", "1")
    ran = cli("check", rows, "--log", "json")
    [line] = lines(ran.err)
    assert "ZeroDivisionError" in line["traceback"][-1]
    assert "postgresql://me@host/db" in line["message"]
    assert "secret" not in ran.err
    assert "sslkey" not in ran.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_interrupted(number: signal.Signals, code: int, tmp_path: Path) -> None:
    words = ["build", "-", "--out", str(tmp_path / "f.csv"), "--log", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "customer_features", *words],
        env=child_environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stderr
    with process:
        assert json.loads(process.stderr.readline())["event"] == "started"  # and it waits for standard input
        process.send_signal(number)
        [last] = lines(process.stderr.read())
        assert process.wait(timeout=BOUND) == code
    assert (last["event"], last["exit_code"], last["signal"]) == ("interrupted", code, number.name)
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_the_default(cli: Cli, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_FEATURES_LOG", "json")
    assert lines(cli("check", rows, "--today", TODAY).err)[-1]["event"] == "judged"
    assert lines(cli("check", rows, "--tody", TODAY).err)[-1]["event"] == "failed"
    said = (
        "Recognised: customer_id = customer_id, transaction_id = transaction_id, date = date, amount = amount,"
        " product_id = product_id\n122 rows read, 2 of them faulty\n"
    )
    assert cli("check", rows, "--today", TODAY, "--log", "text").err == said
    # Commands that write no such log are left as they are.
    assert cli("keys", "create").err.startswith("Usage: ")
    monkeypatch.setenv("CUSTOMER_FEATURES_LOG", "xml")
    assert cli("check", rows).err == "Error: CUSTOMER_FEATURES_LOG: 'xml' is not one of text, json\n"
    assert cli("check", rows, "--log", "jsn").err == (
        "Error: --log: 'jsn' is not one of text, json (did you mean 'json'?)\n"
    )
    monkeypatch.setenv("CUSTOMER_FEATURES_LOG", "")
    assert cli("check", rows, "--today", TODAY).err == said


@pytest.mark.parametrize(
    ("words", "environ", "json_asked"),
    [
        ([], {}, False),
        (["check", "--log", "json"], {}, True),
        (["check", "--log=json"], {}, True),
        (["check", "--log=json", "--log", "text"], {}, False),
        (["check", "--", "--log=json"], {}, False),
        (["check", "--log"], {}, False),
        (["check"], {"CUSTOMER_FEATURES_LOG": "json"}, True),
        (["check", "--log=text"], {"CUSTOMER_FEATURES_LOG": "json"}, False),
    ],
)
def test_asked(words: list[str], environ: dict[str, str], json_asked: bool) -> None:
    assert asked(words, environ) is json_asked


def test_no_password_and_no_character_that_breaks_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    for log.as_json in (False, True):
        log.say("note", "two\nlines from s3://key:secret@bucket/k?token=t", path="\udcff", more={"url": ["h://u:p@h/"]})
    text, line = capsys.readouterr().err.split("\n{")
    assert text == "two\nlines from s3://bucket/k"
    [line] = lines("{" + line)
    assert (line["message"], line["path"], line["more"]) == (text, "\\udcff", {"url": ["h://h/"]})


def test_a_password_with_a_blank_is_not_said(cli: Cli, tmp_path: Path) -> None:
    for words in (("check", "db://u:pa hunter2@h/x"), ("build", "t.csv", "--out", "db://u:pa hunter2@h/x?key=hunter2")):
        ran = cli(*words, "--log", "json")
        assert lines(ran.err)[0]["event"] == "started"
        assert "hunter2" not in ran.err
