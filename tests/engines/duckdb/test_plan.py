"""The plan is the run: the statements that are listed are those that a run executes, and no row is read for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_features import ColumnError
from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.plan import plan
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from tests.conftest import TODAY, csv_text

ROWS = [(f"c{place % 7}", str(place), "2025-04-20", str(place), f"p{place % 5}") for place in range(40)]


class Spy:
    """A connection that keeps what is executed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.said: list[str] = []

    def execute(self, sql: str, *more: Any) -> Any:
        self.said.append(sql)
        return self.connection.execute(sql, *more)

    def sql(self, sql: str) -> Any:
        self.said.append(sql)
        return self.connection.sql(sql)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def write_csv(path: Path) -> None:
    path.write_text(csv_text(*(",".join(row) for row in ROWS)))


def write_parquet(path: Path) -> None:
    names = ("customer_id", "transaction_id", "date", "amount", "product_id")
    table = pa.table({name: [row[place] for row in ROWS] for place, name in enumerate(names)})
    pq.write_table(table.set_column(3, "amount", pa.array([float(row[3]) for row in ROWS])), path)


def write_ndjson(path: Path) -> None:
    line = '{{"customer_id":"{}","transaction_id":"{}","date":"{}","amount":{},"product_id":"{}"}}\n'
    path.write_text("".join(line.format(*row) for row in ROWS))


WRITERS: dict[str, Callable[[Path], None]] = {"csv": write_csv, "parquet": write_parquet, "ndjson": write_ndjson}


def unmasked(sql: str) -> str:
    """A statement without the one thing in it that the rows decide: how many bits the products' numbers take."""
    return re.sub(r"CAST\(1844674407\d{10} AS UBIGINT\)", "mask", sql)


@pytest.mark.parametrize("kind", list(WRITERS))
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"grain": "line", "returns": "net", "window": "3 months"},
        {"grain": "repeated_total", "future": "exclude"},
        {"as_of": [f"2025-0{month}-28" for month in (1, 2, 3, 4, 5)], "window": "1 month"},
        {"as_of": [f"{year}-0{month}-28" for year in range(2010, 2026) for month in range(1, 9)]},
    ],
)
@pytest.mark.parametrize("loyalty", [False, True])
def test_the_statements_are_those_of_a_run(kind: str, choices: dict[str, Any], loyalty: bool, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / f"a.{kind}")
    (tmp_path / "l.csv").write_text("customer_id,loyalty_score\nc1,0.5\n")
    options = Options.parse(
        **{"today": TODAY, **choices} if "as_of" not in choices else {**choices, "future": "exclude"}
    )
    scored = [str(tmp_path / "l.csv")] if loyalty else []
    said: list[list[str]] = []
    for dry in (False, True):
        with (
            connected() as connection,
            opened([str(tmp_path / f"a.{kind}")], connection, beginning=dry) as parts,
            opened(scored, connection, beginning=dry) as scores,
        ):
            more: dict[str, Any] = {"loyalty": scores[0]} if scores else {}
            if dry:
                _, found = plan(connection, parts, options, **more)
                said.append([unmasked(step.sql) for step in found.steps])
                assert connection.sql("SELECT COUNT(*) FROM customers_measured").fetchall() == [(0,)]
            else:
                spy = Spy(connection)
                engine = Engine(cast(duckdb.DuckDBPyConnection, spy), parts, options, **more)
                engine.judge()
                engine.vectors()
                assert engine.outcome.rows_in == engine.outcome.used + engine.outcome.excluded == len(ROWS)
                unlisted = ("DESCRIBE", "SET ", "SELECT parse_formatted_bytes(")
                said.append([unmasked(sql) for sql in spy.said if not sql.startswith(unlisted)])
    assert said[1] == said[0]


@pytest.mark.parametrize("kind", list(WRITERS))
def test_what_is_set_aside_is_planned_as_it_is_done(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / f"a.{kind}")
    options = Options.parse(today="2025-04-19", on_fault="quarantine", max_faults=1)  # every row is after today
    with connected() as connection, opened([str(tmp_path / f"a.{kind}")], connection) as parts:
        spy = Spy(connection)
        Engine(cast(duckdb.DuckDBPyConnection, spy), parts, options).judge()
    done = [sql for sql in spy.said if sql.startswith("INSERT INTO quarantine")]
    with connected() as connection, opened([str(tmp_path / f"a.{kind}")], connection, beginning=True) as parts:
        _, found = plan(connection, parts, options)
    assert [step.sql for step in found.when_faulty] == done


def test_files_of_one_kind_are_listed_once(tmp_path: Path) -> None:
    for place in range(5):
        write_parquet(tmp_path / f"{place}.parquet")
    with connected() as connection, opened([str(tmp_path / "*.parquet")], connection, beginning=True) as parts:
        _, found = plan(connection, parts, Options.parse(today=TODAY))
    counted = [step for step in found.steps if step.title == "count the rows of a source"]
    assert [step.times for step in counted] == [5]
    assert [step.times for step in found.when_faulty] == [5]
    assert all(step.title for step in found.steps)


def test_what_is_wrong_with_columns_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text("a,1,21/04/2025,1,p"))
    with (
        connected() as connection,
        opened([str(path)], connection, beginning=True) as parts,
        pytest.raises(ColumnError, match="--date-format %d/%m/%Y"),
    ):
        plan(connection, parts, Options.parse(today=TODAY))
