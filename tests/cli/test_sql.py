"""The command that prints the definition as SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.conftest import Cli

MAPPED = ("--map", "transaction_id=order_id", "--map", "date=order_date", "--map", "amount=total", "--map")
MAPPED = (*MAPPED, "product_id=sku", "--table", "orders", "--type", "date=VARCHAR")


def test_the_query_gives_what_build_gives(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "f.csv"
    source = Path("examples/purchases.csv").absolute()
    built = cli("build", source, "--today", "2025-04-24", "--max-faults", "20%", "--out", out)
    assert built.code == 0, built.err
    printed = cli("sql", "--dialect", "duckdb", "--today", "2025-04-24", *MAPPED)
    assert (printed.code, printed.err) == (0, "")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE orders AS FROM read_csv('{source}', all_varchar = true)")
        connection.execute("ALTER TABLE orders ALTER total TYPE DOUBLE")
        connection.execute(f"COPY ({printed.out}) TO '{tmp_path / 'q.csv'}' (HEADER)")
    assert (tmp_path / "q.csv").read_bytes() == out.read_bytes()


def test_the_listing_gives_what_check_gives(cli: Cli) -> None:
    source = Path("examples/purchases.csv").absolute()
    checked = cli("check", source, "--today", "2025-04-24")
    printed = cli("sql", "--dialect", "duckdb", "--today", "2025-04-24", "--faults", *MAPPED)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE orders AS FROM read_csv('{source}', all_varchar = true)")
        ((fault, faults, message, *row),) = connection.execute(printed.out).fetchall()
    assert (fault, faults) == ("unreadable_date", "unreadable_date")
    assert message in checked.out
    assert row == ["C-1003", "T-006", "2025-02-30", "18.00", "P-01"]


def test_several_dates(cli: Cli) -> None:
    by_name = cli("sql", "--dialect", "trino", "--today", "2025-01-31", "--today", "2025-02-28")
    by_step = cli("sql", "--dialect", "trino", "--every", "month", "--from", "2025-01-31", "--to", "2025-03-01")
    assert by_name.out == by_step.out
    assert "as_of" in by_name.out


def test_an_expression_as_today(cli: Cli) -> None:
    printed = cli("sql", "--dialect", "postgres", "--today", "CURRENT_DATE - 1", "--window", "12 months")
    assert "CAST(CURRENT_DATE - 1 AS DATE) AS today" in printed.out
    assert "INTERVAL '12 MONTHS'" in printed.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '--dialect'"),
        (("--dialect", "posgres"), "Error: --dialect: 'posgres' is not one of duckdb, postgres, spark, clickhouse,"),
        (("--dialect", "posgres"), "(did you mean 'postgres'?)"),
        (("--dialect", "trino", "--as", "dtb"), "Error: --as: 'dtb' is not one of query, dbt (did you mean 'dbt'?)"),
        (("--dialect", "trino", "--type", "date"), "Error: --type: 'date' is not of the form FIELD=TYPE"),
        (("--dialect", "trino", "--type", "date=INTEGERS"), "Error: --type: "),
        (("--dialect", "trino", "--map", "amuont=x"), "(did you mean 'amount'?)"),
        (("--dialect", "trino", "--today", "yesterday, or so"), "Error: --today: "),
        (("--dialect", "trino", "--out", "x"), "Error: --out: goes with --as dbt"),
        (("--dialect", "trino", "--every", "month"), "--every, --from and --to go together"),
        (("--dialect", "trino", "--today", "2025-01-31", "--today", "CURRENT_DATE"), "Error: --today: "),
    ],
)
def test_bad_input(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    ran = cli("sql", *arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_files_of_a_dbt_project(cli: Cli, tmp_path: Path) -> None:
    ran = cli("sql", "--dialect", "duckdb", "--as", "dbt", "--out", tmp_path, *MAPPED)
    assert ran.code == 0
    assert (ran.out, ran.err.count("Wrote ")) == ("", 3)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert found == {
        "models/customer_features.sql",
        "models/customer_features.yml",
        "tests/customer_features_in_range.sql",
    }
    printed = cli("sql", "--dialect", "duckdb", "--as", "dbt", *MAPPED).out
    for name in found:
        assert (tmp_path / name).read_text() in printed


def test_a_folder_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    ran = cli("sql", "--dialect", "duckdb", "--as", "dbt", "--out", tmp_path)
    assert ran.code == 2
    assert "models/customer_features.sql: cannot be written" in ran.err
