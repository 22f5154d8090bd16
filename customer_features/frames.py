"""The Python door: any dataframe in, the same kind out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from customer_features.columns import check_fields
from customer_features.engines.duckdb import Engine
from customer_features.engines.duckdb_session import connected
from customer_features.engines.outcome import Outcome
from customer_features.errors import MissingExtra, SourceError
from customer_features.options import OnFault, Options
from customer_features.parts import table_part

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over dataframes", "bulk") from error

Frame = TypeVar("Frame")


class FaultsQuarantined(UserWarning):
    """Given once by ``build(..., on_fault="quarantine")`` when rows were left out; it counts them by fault."""


class Suspicious(UserWarning):
    """The data are legal but suspicious (a repeated transaction id, for one); nothing was left out."""


def build(
    transactions: Frame,
    *,
    columns: Mapping[str, str] | None = None,
    today: object = None,
    loyalty: Any = None,
    grain: str = "transaction",
    future: str = "fault",
    returns: str = "fault",
    window: str | None = None,
    timezone: str | None = None,
    on_fault: str = "fail",
    max_faults: float = 0.01,
) -> Frame:
    """One exact feature vector per customer.

    Parameters
    ----------
    transactions
        Purchase rows, shape (rows, columns): a pandas or Polars dataframe, a PyArrow table, or a DuckDB
        relation. Ids are text or whole numbers; dates are dates, timestamps or text ``YYYY-MM-DD``;
        amounts are floats, decimals or whole numbers in the currency's main unit, or text holding one.
    columns
        Field to column name or SQL expression over one row, for columns whose names are not recognised:
        ``{"customer_id": "household_id", "amount": "price * quantity"}``.
    today
        Reference date for recency (a ``date`` or ``YYYY-MM-DD``); the current date in ``timezone`` if None.
        A list of dates gives a vector for each customer at each of them, from the rows up to that date; a column
        ``as_of`` (date) stands after ``customer_id`` then.
    loyalty
        A second frame with ``customer_id`` and ``loyalty_score`` (0 to 1); absent customers get 0.0.
    grain
        What a row is: ``"transaction"``, ``"line"`` or ``"repeated_total"``.
    future
        Rows after ``today``: ``"fault"`` or ``"exclude"``.
    returns
        Negative amounts: ``"fault"`` or ``"net"`` (subtract them from the total and count them as nothing else).
    window
        How far back rows count, e.g. ``"12 months"`` or ``"540 days"``: ``today - window < date <= today``.
    timezone
        IANA name of the business timezone (default UTC); it turns instants into dates.
    on_fault
        ``"fail"`` raises DataFaults at any faulty row; ``"quarantine"`` leaves faulty rows out with one
        warning that counts them (:func:`check` returns them).
    max_faults
        Largest share of faulty rows that ``"quarantine"`` tolerates.

    Returns
    -------
    Shape (customers, 7), the same kind as ``transactions``, ordered by ``customer_id`` in byte order:
    ``customer_id`` (string), then six float64 columns, never null: ``purchase_total`` (currency, two decimals),
    ``visit_frequency`` (visits), ``avg_ticket`` (currency per visit, two decimals), ``product_diversity``
    (products), ``loyalty_score`` (0 to 1), ``recency_days`` (days).

    Raises
    ------
    DataFaults
        The data were refused; it holds the counts and the first hundred faulty rows.
    ColumnError
        A column is missing, unfit, or two would serve.
    InvalidOption
        An option's value is not one of those allowed.
    SourceError
        ``transactions`` is no dataframe that can be read.

    Notes
    -----
    Formulas: the published contract of ``/api/v1/ai/customer_features``. Sums are exact integers of 1/10000,
    rounded half up once.
    """
    options = Options.parse(
        **dates(today),
        grain=grain,
        future=future,
        returns=returns,
        window=window,
        timezone=timezone,
        on_fault=on_fault,
        max_faults=max_faults,
    )
    with connected() as connection:
        engine = _engine(connection, transactions, options, columns, loyalty)
        outcome = engine.judge()
        table = engine.vectors().to_arrow_table()
    warn_of(outcome, stacklevel=3)
    return _like(table, transactions)


def check(
    transactions: Frame,
    *,
    columns: Mapping[str, str] | None = None,
    today: object = None,
    loyalty: Any = None,
    grain: str = "transaction",
    future: str = "fault",
    returns: str = "fault",
    window: str | None = None,
    timezone: str | None = None,
    on_fault: str = "quarantine",
    max_faults: float = 1.0,
) -> Frame:
    """The faulty rows, without building; the parameters are those of :func:`build`.

    ``on_fault`` and ``max_faults`` are taken so that the same arguments serve both, and change nothing.

    Returns
    -------
    Shape (faulty rows, 4 + columns), the same kind as ``transactions``, in its order: ``row_number`` (int64,
    from 1), ``fault`` (the name of the first), ``faults`` (all of them, separated by commas), ``message``,
    then every original column. Empty when nothing is wrong.

    Raises
    ------
    ColumnError, InvalidOption, SourceError
        As :func:`build`.
    """
    options = Options.parse(
        **dates(today),
        grain=grain,
        future=future,
        returns=returns,
        window=window,
        timezone=timezone,
        on_fault=on_fault,
        max_faults=max_faults,
    )
    options = replace(options, on_fault=OnFault.QUARANTINE, max_faults=1.0)
    with connected() as connection:
        engine = _engine(connection, transactions, options, columns, loyalty)
        engine.judge()
        table = engine.faulty_rows().to_arrow_table()
    return _like(table.drop_columns(["source"]), transactions)


def warn_of(outcome: Outcome, stacklevel: int) -> None:
    """Give the warnings of a run to the caller's caller."""
    if outcome.quarantined:
        counts = ", ".join(f"{name}: {count}" for name, count in outcome.faults.items())
        warnings.warn(
            f"{outcome.quarantined} of {outcome.rows_in} rows are faulty and were left out ({counts});"
            " check() returns them",
            FaultsQuarantined,
            stacklevel=stacklevel,
        )
    for warning in outcome.warnings:
        warnings.warn(f"{warning['name']}: {warning['message']}", Suspicious, stacklevel=stacklevel)


def dates(today: object) -> dict[str, Any]:
    """``today`` as the option it is: one date, or several as-of dates."""
    several = isinstance(today, Iterable) and not isinstance(today, str)
    return {"as_of": today} if several else {"today": today}


def _engine(
    connection: duckdb.DuckDBPyConnection,
    transactions: Any,
    options: Options,
    columns: Mapping[str, str] | None,
    loyalty: Any,
) -> Engine:
    check_fields(columns or {})
    part = table_part(to_arrow(transactions, "transactions"), "transactions", connection)
    scores = None
    if loyalty is not None:
        scores = table_part(to_arrow(loyalty, "loyalty"), "loyalty", connection)
    return Engine(connection, [part], options, columns=columns, loyalty=scores)


def _kind(frame: Any) -> str | None:
    """The library a frame belongs to; it is imported already when the frame is one of its own."""
    if isinstance(frame, pa.Table):
        return "pyarrow"
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return "duckdb"
    if "pandas" in sys.modules and isinstance(frame, sys.modules["pandas"].DataFrame):
        return "pandas"
    if "polars" in sys.modules and isinstance(frame, sys.modules["polars"].DataFrame):
        return "polars"
    return None


def to_arrow(frame: Any, name: str) -> Any:
    """The frame as an Arrow table, without a copy where its library allows. Raises SourceError."""
    kind = _kind(frame)
    try:
        if kind == "pandas":
            return pa.Table.from_pandas(frame, preserve_index=False)
        if kind == "polars":
            return frame.to_arrow()
        if kind == "duckdb":
            return frame.to_arrow_table()
    except (pa.ArrowException, TypeError, ValueError, UnicodeError) as error:
        raise SourceError(f"{name}: a column holds values of mixed or unknown types: {error}") from None
    if kind is None:
        raise SourceError(
            f"{name}: found {type(frame).__name__}; allowed are pandas and Polars dataframes, PyArrow tables and"
            " DuckDB relations"
        )
    return frame


def _like(table: Any, frame: Frame) -> Frame:
    """The Arrow table as the kind of ``frame``."""
    kind = _kind(frame)
    same: Any = table
    if kind == "pandas":
        same = table.to_pandas()
    elif kind == "polars":
        same = sys.modules["polars"].from_arrow(table)
    elif kind == "duckdb":
        # On the relation's own connection, so that it can be joined there: the engine finds the local name,
        # unless a table of that connection bears it.
        customer_features_result = table  # noqa: F841
        same = frame.query("customer_features_input", "SELECT * FROM customer_features_result")  # type: ignore[attr-defined]
    return cast(Frame, same)
