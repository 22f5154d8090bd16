"""What is read of a built dataset: a page of its customers, one of them with the rows behind it, and its downloads.

Each answer opens the files anew, so that any worker can give it; a page of a million customers takes one scan.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from customer_features.definition import features
from customer_features.definition.options import Grain
from customer_features.engines.duckdb.session import connected
from customer_features.query.columns import literal, quoted
from customer_features.service.explorer.steps import FEATURES, MADE, ROWS
from customer_features.service.problems import Refused

PAGE = 50
"""Customers of one page."""
LINES, TERMS = 300, 12
"""So many of one customer's rows are shown, and so many terms of a sum."""
MEMORY, THREADS = "256MB", 2


@dataclass(frozen=True, slots=True)
class Page:
    """Some customers in an order: a row is the id and the features. ``found``: how many there are of all."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    found: int
    first: int
    sort: str
    descending: bool
    search: str

    @property
    def last(self) -> int:
        """The place of the page's last customer, from 1."""
        return self.first + len(self.rows)


@dataclass(frozen=True, slots=True)
class Line:
    """A row that counts: the day as text, the amount as text with four decimals at most."""

    transaction_id: str
    day: str
    amount: float
    product_id: str


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer: the vector by name, the rows that count (the latest first), and what they add up to.

    ``lines`` are at most ``LINES`` of the ``count`` rows, ``terms`` the first of the ``terms_count`` amounts that make
    the total (units of 1/10000), ``some_products`` the first of the ``products`` that were bought.
    """

    id: str
    vector: dict[str, float]
    lines: list[Line]
    count: int
    terms: list[int]
    terms_count: int
    units: int
    some_products: list[str]
    products: int
    last_day: str


@contextmanager
def reading(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session over a dataset's folder."""
    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    with connected(memory_limit=MEMORY, threads=THREADS, spill_dir=spill) as connection:
        yield connection


def relation(folder: Path, name: str = FEATURES) -> str:
    """A file of a dataset for a FROM clause."""
    return f"read_parquet({literal(str(folder / name))})"


def page(folder: Path, sort: str, *, descending: bool, search: str, first: int) -> Page:
    """The customers from ``first`` (0 is the first) in the order of a column, of those whose id holds ``search``."""
    columns = ("customer_id", *features.names())
    sort = sort if sort in columns else "customer_id"
    first = max(first, 0)
    where = " WHERE contains(lower(customer_id), lower($search))" if search else ""
    given = {"search": search} if search else {}
    order = f"{quoted(sort)} {'DESC' if descending else 'ASC'}, customer_id"
    listed = ", ".join(map(quoted, columns))
    source = relation(folder)
    with reading(folder) as connection:
        ((found,),) = connection.execute(f"SELECT COUNT(*) FROM {source}{where}", given).fetchall()
        first = min(first, max((found - 1) // PAGE * PAGE, 0))
        rows = connection.execute(
            f"SELECT {listed} FROM {source}{where} ORDER BY {order} LIMIT {PAGE} OFFSET {first}", given
        ).fetchall()
    return Page(columns, rows, int(found), first, sort, descending, search)


def customer(folder: Path, wanted: str, grain: str) -> Customer | None:
    """One customer, if it is there; ``grain`` says which amounts make the total."""
    listed = ", ".join(map(quoted, features.names()))
    # Of an order whose lines repeat its total, the total counts once.
    term = "MAX(units) FROM lines GROUP BY transaction_id" if grain == Grain.REPEATED_TOTAL else "units FROM lines"
    with reading(folder) as connection:
        row = connection.execute(
            f"SELECT {listed} FROM {relation(folder)} WHERE customer_id = $id", {"id": wanted}
        ).fetchone()
        if row is None:
            return None
        connection.execute(
            f"CREATE TEMP TABLE lines AS SELECT * FROM {relation(folder, ROWS)} WHERE customer_id = $id", {"id": wanted}
        )
        lines = connection.execute(
            "SELECT transaction_id, CAST(day AS VARCHAR), units / 10000, product_id FROM lines"
            f" ORDER BY day DESC, transaction_id, product_id, units LIMIT {LINES}"
        ).fetchall()
        ((count, last_day),) = connection.execute(
            "SELECT COUNT(*), CAST(MAX(day) FILTER (units >= 0) AS VARCHAR) FROM lines"
        ).fetchall()
        ((terms_count, units),) = connection.execute(
            f"SELECT COUNT(*), SUM(term) FROM (SELECT {term.replace(' FROM', ' AS term FROM', 1)})"
        ).fetchall()
        terms = [one for (one,) in connection.execute(f"SELECT {term} ORDER BY 1 DESC LIMIT {TERMS}").fetchall()]
        bought = connection.execute("SELECT DISTINCT product_id FROM lines WHERE units >= 0 ORDER BY 1").fetchall()
    products = [one for (one,) in bought]
    vector = dict(zip(features.names(), row, strict=True))
    rows = [Line(*line) for line in lines]
    return Customer(
        wanted, vector, rows, count, terms, terms_count, int(units or 0), products[:TERMS], len(products), last_day
    )


def path_of(folder: Path, ending: str) -> Path:
    """Where a file is made of the vectors that are there now: those of another build have another name.

    Raises OSError where there are none.
    """
    built = (folder / FEATURES).stat()
    return folder / f"{MADE}{built.st_ino:x}-{built.st_mtime_ns:x}.{ending}"


def make(folder: Path, ending: str, path: Path) -> None:
    """Make that file, whole or not at all. Raises Refused (404) where the vectors were built anew meanwhile."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}.draft")  # another worker may be making it too
    try:
        WRITERS[ending](folder, draft)
        if path_of(folder, ending) != path:
            raise Refused("not-found", "The result was built anew meanwhile; ask for it again.")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _write_csv(folder: Path, path: Path) -> None:
    """The vectors as CSV, as ``build`` writes them."""
    with reading(folder) as connection:
        connection.execute(
            f"COPY (SELECT * FROM {relation(folder)}) TO {literal(str(path))}"
            " (FORMAT csv, HEADER true, USE_TMP_FILE false)"
        )


def _write_json(folder: Path, path: Path) -> None:
    """The vectors as the contract's document."""
    names = features.names()
    with reading(folder) as connection, path.open("wb") as file:
        file.write(b'{"customers":[')
        between = b""
        for batch in iter(connection.sql(f"SELECT * FROM {relation(folder)}").to_arrow_reader(1 << 16)):
            for row in batch.to_pylist():
                one = {"customer_id": row["customer_id"], "features": {name: row[name] for name in names}}
                file.write(between + msgspec.json.encode(one))
                between = b","
        file.write(b"]}")


WRITERS = {"csv": _write_csv, "json": _write_json}
"""What writes the vectors of a folder as a download of that kind."""
