"""Every door over the same rows: the doors, an entry each.

``DOORS`` is all that ``make agreement``, the fast test and the mutants run. To add one, write its class in a module
here (see ``interface.py``) and put it in the list. A function over a table is an entry of its own:
``TableDoor("Spark", built_by_spark, frozenset({Limit.NUL}))``.
"""

from __future__ import annotations

from tests.agreement.every_door.dataframes import DuckDBRelation, Kind, Pandas, Polars, PyArrow, ScikitLearn
from tests.agreement.every_door.files import Arrow, Csv, Document, Ndjson, Parquet
from tests.agreement.every_door.interface import Door
from tests.agreement.every_door.requests import Client, Http, Rows
from tests.agreement.every_door.warehouses import ClickHouse, PostgreSQL, PrintedSQL, Spark

DOORS: list[Door] = [
    Rows(),
    PyArrow(),
    Csv(),
    Ndjson(),
    Document(),
    Parquet(),
    Arrow(),
    Pandas(),
    Polars(),
    DuckDBRelation(),
    ScikitLearn(),
    *(Kind(name) for name in ("pyarrow reader", "arrow stream", "polars lazy", "dask", "narwhals")),
    Http(),
    Client(),
    PostgreSQL(),
    ClickHouse(),
    Spark(),
    PrintedSQL(),
]
"""The doors, one of each engine first; they open what they need when they are first run, and are closed at the end."""
