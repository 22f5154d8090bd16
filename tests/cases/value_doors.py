"""Doors of the cases of values: columns of text in, each customer's total and the faults by name out."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

import customer_features
from customer_features.cli import run
from customer_features.errors import CustomerFeaturesError
from customer_features.service.bodies import tables
from customer_features.service.content import ARROW, CSV, JSON, NDJSON
from customer_features.service.problems import Refused
from tests import spark_door, warehouses
from tests.database import Database

TODAY = "2025-04-24"
Found = tuple[dict[str, float], dict[str, int]]
"""Totals by customer, and faults by name."""
Door = Callable[..., Found]
"""``door(table, columns, **options)``; raises CustomerFeaturesError where the run is refused."""

Some = Callable[[Iterable[Any]], list[Any]]
"""All of many like values, or a share of them: see the fixture of this name."""


class Refusal(CustomerFeaturesError):
    """What a door that raises nothing said of a run that it refused."""


def totals(vectors: pa.Table) -> dict[str, float]:
    return dict(zip(vectors["customer_id"].to_pylist(), vectors["purchase_total"].to_pylist(), strict=True))


def _words(columns: Mapping[str, str], options: Mapping[str, Any]) -> list[str]:
    words = [word for name, sql in columns.items() for word in ("--map", f"{name}={sql}")]
    for name, value in options.items():
        if isinstance(value, Mapping):
            value = [f"{field}={one}" for field, one in value.items()]
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}", str(one)]
    return words


def through_command(source: object, columns: Mapping[str, str], options: Mapping[str, Any], *more: str) -> Found:
    """The command line in this process. What it says of a refused run is what is raised."""
    import contextlib
    import io
    import tempfile

    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "features.parquet"
        words = ["build", str(source), "--out", str(out), "--today", TODAY, "--grain", "line", "--max-faults", "1"]
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = run([*words, *more, *_words(columns, options)])
        if code:
            assert not list(Path(folder).iterdir())
            assert "Traceback" not in said.getvalue()
            assert "fault of customer-features itself" not in said.getvalue()
            raise Refusal(said.getvalue())
        manifest = json.loads(Path(f"{out}.manifest.json").read_text())
        return totals(pyarrow.parquet.read_table(out)), manifest["faults"]


def of_files(kind: str, folder: Path) -> Door:
    """The command line over a file of text columns."""

    def door(table: pa.Table, columns: Mapping[str, str], **options: Any) -> Found:
        path = folder / f"rows.{kind}"
        if kind == "csv":
            pyarrow.csv.write_csv(table, path)
        elif kind == "ndjson":
            path.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
        else:
            pyarrow.parquet.write_table(table, path)
        return through_command(path, columns, options)

    return door


def of_frames(make: Callable[[pa.Table], Any]) -> Door:
    """Python over a kind of dataframe."""

    def door(table: pa.Table, columns: Mapping[str, str], **options: Any) -> Found:
        given: dict[str, Any] = {"today": TODAY, "grain": "line", "columns": columns, **options}
        vectors, aside = _quarantined(lambda more: customer_features.build(make(table), **given, **more))
        faulty = _arrow(customer_features.check(make(table), **given)) if aside else None
        return totals(_arrow(vectors)), _counts(faulty)

    return door


def _quarantined(build: Callable[[dict[str, Any]], Any]) -> tuple[Any, bool]:
    """The vectors without faulty rows, and whether there were any."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        vectors = build({"on_fault": "quarantine", "max_faults": 1})
    return vectors, any(issubclass(one.category, customer_features.FaultsQuarantined) for one in said)


def _counts(faulty: pa.Table | None) -> dict[str, int]:
    return {} if faulty is None else dict(Counter(faulty["fault"].to_pylist()))


def _arrow(frame: Any) -> pa.Table:
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pd.DataFrame):
        return pa.Table.from_pandas(frame)
    return frame.to_arrow() if isinstance(frame, pl.DataFrame) else frame.to_arrow_table()


def over_http(kind: str, folder: Path) -> Door:
    """A table as a request's body. It names columns and no expressions, and faulty rows refuse it."""

    def door(table: pa.Table, columns: Mapping[str, str], **options: Any) -> Found:
        body = folder / tables.BODY
        if kind == CSV:
            pyarrow.csv.write_csv(table, body)
        elif kind == NDJSON:
            body.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
        else:
            with pa.ipc.new_stream(str(body), table.schema) as writer:
                writer.write_table(table)
        query = [("today", TODAY), ("grain", "line"), *(("map", f"{name}={one}") for name, one in columns.items())]
        for name, value in options.items():
            if isinstance(value, Mapping):
                value = [f"{field}={one}" for field, one in value.items()]
            query += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
        try:
            asked = tables.parse(query, kind, JSON, "UTC")
            answered = tables.compute(str(folder), asked, memory="500MB", threads=1)
        except Refused as refused:
            faults = refused.more.get("faults")
            if faults is None:
                raise Refusal(f"{refused.detail} {refused.more.get('errors')}") from None
            return {}, faults
        customers = json.loads(Path(answered.path).read_text())["customers"]
        return {one["customer_id"]: one["features"]["purchase_total"] for one in customers}, {}

    return door


def pushed_down(database: Database) -> Door:
    """``--push-down`` into PostgreSQL."""

    def door(table: pa.Table, columns: Mapping[str, str], **options: Any) -> Found:
        database.run("DROP TABLE IF EXISTS rows")
        database.load("rows", table)
        return through_command(database.table("rows"), columns, options, "--push-down")

    return door


def clickhouse(table: pa.Table, columns: Mapping[str, str], **options: Any) -> Found:
    """``customer_features.clickhouse``, in this process."""
    from customer_features import clickhouse

    session = warehouses.clickhouse_session()
    warehouses.put_into_clickhouse("value_rows", table)
    given: dict[str, Any] = {"today": TODAY, "grain": "line", "columns": columns, **options}
    vectors, aside = _quarantined(lambda more: clickhouse.build(session, "value_rows", **given, **more))
    return totals(vectors), _counts(clickhouse.check(session, "value_rows", **given) if aside else None)


def spark(session: Any) -> Door:
    """``customer_features.spark``."""

    def door(table: pa.Table, columns: Mapping[str, str], **options: Any) -> Found:
        from customer_features import spark as engine

        frame = spark_door.frame_of(session, table)
        given: dict[str, Any] = {"today": TODAY, "grain": "line", "columns": columns, **options}
        vectors, aside = _quarantined(lambda more: engine.build(frame, **given, **more))
        return totals(vectors.toArrow()), _counts(engine.check(frame, **given).toArrow() if aside else None)

    return door


def printed(table: pa.Table, columns: Mapping[str, str], **options: Any) -> Found:
    """The printed SQL of DuckDB, told that dates and amounts are text."""
    types = {"date": "VARCHAR", "amount": "VARCHAR"}
    given: dict[str, Any] = {"today": TODAY, "grain": "line", "columns": columns, "types": types, **options}
    with duckdb.connect() as connection:
        connection.register("transactions", table)
        try:
            vectors = connection.sql(customer_features.sql("duckdb", **given)).to_arrow_table()
            faulty = connection.sql(customer_features.sql("duckdb", **given, faults=True)).to_arrow_table()
        except duckdb.Error as error:
            raise Refusal(str(error)) from None
    return totals(vectors), dict(Counter(faulty["fault"].to_pylist()))


FRAMES: dict[str, Callable[[pa.Table], Any]] = {
    "pandas": lambda table: table.to_pandas(),
    "polars": pl.from_arrow,
    "pyarrow": lambda table: table,
    "duckdb": lambda table: duckdb.connect().from_arrow(table),
}
HERE = ("csv", "ndjson", "parquet", *FRAMES)
"""Doors of the engine of files and dataframes, which take the options of text."""
HTTP = {"http csv": CSV, "http ndjson": NDJSON, "http arrow": ARROW}
WAREHOUSES = ("printed", "postgres", "clickhouse", "spark")


def door_of(name: str, folder: Path, request: Any) -> Door:
    """A door by its name."""
    if name in FRAMES:
        return of_frames(FRAMES[name])
    if name in HTTP:
        return over_http(HTTP[name], folder)
    if name == "postgres":
        return pushed_down(request.getfixturevalue("database"))
    if name == "spark":
        return spark(request.getfixturevalue("spark_session"))
    return {"printed": printed, "clickhouse": clickhouse}.get(name) or of_files(name, folder)
