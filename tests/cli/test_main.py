"""The command line as a whole: help, exit codes, what goes where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import customer_features
from customer_features.definition import features
from tests.conftest import Cli, child, child_environment, csv_text
from tests.waiting import BOUND


def test_help_names_commands_and_features(cli: Cli) -> None:
    for arguments in (("--help",), ("-h",)):
        ran = cli(*arguments)
        assert ran.code == 0
        for name in ("build", "check", "keys", "serve", *features.names()):
            assert name in ran.out
        assert ran.err == ""


def test_version(cli: Cli) -> None:
    ran = cli("--version")
    assert (ran.code, ran.err) == (0, "")
    assert customer_features.__version__ in ran.out


@pytest.mark.parametrize("command", ["build", "check"])
def test_help_of_a_command_names_every_option(command: str, cli: Cli) -> None:
    ran = cli(command, "--help")
    assert ran.code == 0
    for option in [
        "today",
        "map",
        "loyalty",
        "grain",
        "future",
        "returns",
        "window",
        "timezone",
        "memory-limit",
        "spill-dir",
        "spill-limit",
    ]:
        assert f"--{option}" in ran.out
    assert ("--max-faults" in ran.out) is (command == "build")


def test_no_command_shows_what_there_is(cli: Cli) -> None:
    ran = cli()
    assert (ran.code, ran.err) == (0, "")
    assert "Usage: customer-features" in ran.out
    assert ran.out == cli("--help").out


def test_the_examples_of_the_help_run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "purchases.csv").write_text(csv_text("a,1,2025-04-20,1.5,p"))
    section = cli().out.split("To begin with:\n")[1].split("\n\n")[0]
    commands = [line.split() for line in section.splitlines() if line.startswith("  customer-features ")]
    assert [words[1] for words in commands] == ["check", "build", "sql"]
    for words in commands:
        ran = cli(*words[1:])
        assert ran.code == 0, ran.err
    assert (tmp_path / "features.csv").read_text().startswith("customer_id,purchase_total")
    assert ran.out.startswith("-- One feature vector per customer, for Snowflake")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["biuld"], "did you mean 'build'"),
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["build"], "Missing"),
        (["build", "t.csv"], "--out"),
        (["build", "t.csv", "--out", "f.csv", "--tody", "2025-01-01"], "--tod"),
        (["--frobnicate"], "No such option"),
        (["build", "t.csv", "--out"], "--out"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, cli: Cli) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert says in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--today", "24.04.2025", "today: '24.04.2025' is not a date; give YYYY-MM-DD"),
        ("--today", "2025-04-24T00:00", "is a datetime"),
        ("--grain", "lines", "did you mean 'line'"),
        ("--future", "allow", "not one of fault, exclude"),
        ("--returns", "ignore", "not one of fault, net"),
        ("--window", "a year", "give for example '12 months'"),
        ("--timezone", "Sao Paulo", "not an IANA timezone"),
        ("--on-fault", "ignore", "not one of quarantine, fail"),
        ("--max-faults", "200%", "not a share"),
        ("--memory-limit", "lots", "is not a size"),
        ("--spill-limit", "lots", "--spill-limit: 'lots' is not a size; give for example 50GB or 512MiB"),
        ("--spill-limit", "4M", "'4M' is not a size"),
        ("--spill-limit", "-1", "'-1' is not a size"),
        ("--spill-dir", "nowhere", "--spill-dir: 'nowhere' does not exist; make it first"),
        ("--spill-dir", "", "--spill-dir: '' does not exist"),
        ("--spill-dir", __file__, "is a file, not a folder"),
        ("--map", "amount", "not of the form FIELD=EXPR"),
        ("--map", "amuont=x", "did you mean 'amount'"),
        ("--map", "amount=SUM(x)", "no sums, no queries"),
        ("--map", "amount=(SELECT 1)", "no sums, no queries"),
        ("--map", "amount=1 +", "cannot be read as an SQL expression"),
        ("--map", "amount=1; SELECT 2", "must be one column or one SQL expression"),
        ("--map", "amount='", "cannot be read as an SQL expression"),
        ("--map", "amount=amuont", "did you mean 'amount'"),
    ],
)
def test_a_wrong_value(option: str, value: str, says: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(csv_text("a,1,2025-04-20,1,p"))
    ran = cli("build", tmp_path / "t.csv", "--out", tmp_path / "f.csv", option, value)
    assert ran.code == 2
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    assert says in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_the_timezone_of_the_environment(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text(csv_text("a,1,2025-04-22T02:30:00Z,1,p"))
    monkeypatch.setenv("CUSTOMER_FEATURES_TIMEZONE", "America/Sao_Paulo")
    arguments = ("build", tmp_path / "t.csv", "--out", tmp_path / "f.csv", "--today", "2025-04-24")
    assert cli(*arguments).code == 0
    assert (tmp_path / "f.csv").read_text().splitlines()[1].endswith(",3.0")
    assert cli(*arguments, "--timezone", "UTC").code == 0
    assert (tmp_path / "f.csv").read_text().splitlines()[1].endswith(",2.0")
    monkeypatch.setenv("CUSTOMER_FEATURES_TIMEZONE", "Nowhere")
    assert cli(*arguments).code == 2


def test_a_wrong_value_of_the_environment_is_named_by_its_variable(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text(csv_text("a,1,2025-04-22,1,p"))
    arguments = ("build", tmp_path / "t.csv", "--out", tmp_path / "f.csv", "--today", "2025-04-24")
    for name, value in {"TIMEZONE": "Nowhere", "SPILL_DIR": "nowhere", "SPILL_LIMIT": "lots"}.items():
        with monkeypatch.context() as patched:
            patched.setenv(f"CUSTOMER_FEATURES_{name}", value)
            ran = cli(*arguments)
        assert ran.code == 2
        assert ran.err.startswith(f"Error: CUSTOMER_FEATURES_{name}: '{value}' ")


def test_as_a_module() -> None:
    ran = child("--version")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """``customer-features check ... | head -1`` ends quietly."""
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*["a,1,2052-04-20,1,p"] * 20_000))
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "customer_features", "check", str(path), "--json"],
        env=child_environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    os.close(read)
    _, err = process.communicate(timeout=BOUND)
    assert process.returncode in (1, 141)
    assert "Traceback" not in err
    assert "fault of customer-features itself" not in err


def test_a_fault_of_our_own_is_said_and_not_thrown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("customer_features.cli.bulk.Options.parse", broken)
    ran = cli("check", "t.csv")
    assert ran.code == 2
    assert "fault of customer-features itself" in ran.err
    assert "ZeroDivisionError: on purpose" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("CUSTOMER_FEATURES_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli("check", "t.csv")
