"""The Python door: any dataframe in, the same kind out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import customer_features.engines.duckdb.engine  # noqa: F401 - before the kinds: it says which extra is missing
from customer_features.definition.faults import check_tolerated
from customer_features.definition.options import Incomplete, OnFault, Options, dates
from customer_features.engines.outcome import warn_of
from customer_features.errors import FaultsQuarantined as FaultsQuarantined
from customer_features.errors import Suspicious as Suspicious
from customer_features.frames.run import Run
from customer_features.query.columns import with_constants

Frame = TypeVar("Frame")


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
    date_format: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    null: Sequence[str] = (),
    constant: Mapping[str, str] | None = None,
    on_fault: str = "fail",
    max_faults: float = 0.01,
    tolerate: Mapping[str, float | str] | None = None,
    incomplete: str = "keep",
) -> Frame:
    """One exact feature vector per customer.

    Parameters
    ----------
    transactions
        Purchase rows, shape (rows, columns): a pandas, Polars, Dask or Modin dataframe, a Polars lazy frame, a
        PyArrow table or RecordBatchReader, a DuckDB relation, a Narwhals frame around one of these, or anything
        with the Arrow PyCapsule interface (``__arrow_c_stream__``). Ids are text or whole numbers; dates are
        dates, timestamps or text ``YYYY-MM-DD``; amounts are floats, decimals or whole numbers in the currency's
        main unit, or text holding one. Other columns may be of any type: they are not read.
    columns
        Field to column name or SQL expression over one row, for columns whose names are not recognised:
        ``{"customer_id": "household_id", "amount": "price * quantity"}``.
    today
        Reference date for recency (a ``date`` or ``YYYY-MM-DD``); the current date in ``timezone`` if None.
        A list of dates gives a vector for each customer at each of them, from the rows up to that date; a column
        ``as_of`` (date) stands after ``customer_id`` then.
    loyalty
        A second frame, of any kind, with ``customer_id`` and ``loyalty_score`` (0 to 1); absent customers get 0.0.
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
    date_format
        How dates in text are written, as a format of ``strptime`` (default ``YYYY-MM-DD``).
    decimal, thousands
        The decimal mark of numbers in text (``"."`` or ``","``), and the mark between thousands (``","``, ``"."``,
        ``"'"`` or ``" "``). By default a point and any other mark; a column in which every mark can be read both ways
        is refused.
    null
        Texts that stand for nothing, e.g. ``["NULL", "n/a"]``.
    constant
        Field to a value that is the same in every row: ``{"product_id": "unknown"}``.
    on_fault
        ``"fail"`` raises DataFaults at any faulty row; ``"quarantine"`` leaves faulty rows out with one
        warning that counts them (:func:`check` returns them).
    max_faults
        Largest share of faulty rows that ``"quarantine"`` tolerates.
    tolerate
        Fault to a limit of its own, as a share or ``"any"``: ``{"missing_customer_id": 0.4}``. ``max_faults`` bounds
        the other faults.
    incomplete
        Customers who lose faulty rows: ``"keep"`` (the warning counts them) or ``"quarantine"`` (leave them out whole).

    Returns
    -------
    Shape (customers, 7), the same kind as ``transactions`` (of an Arrow stream: a PyArrow table), ordered by
    ``customer_id`` in byte order: ``customer_id`` (string), then six float64 columns, never null:
    ``purchase_total`` (currency, two decimals), ``visit_frequency`` (visits), ``avg_ticket`` (currency per visit,
    two decimals), ``product_diversity`` (products), ``loyalty_score`` (0 to 1), ``recency_days`` (days).

    Raises
    ------
    DataFaults
        The data were refused; it holds the counts and the first hundred faulty rows.
    ColumnError
        A column is missing, unfit, or two would serve.
    InvalidOption
        An option's value is not one of those allowed.
    SourceError
        ``transactions`` is no dataframe that can be read, or its plan fails.

    Notes
    -----
    A Polars lazy frame stays lazy: it runs when the result is collected, each time, and DataFaults and warnings come
    then (with Polars 1 it runs at once). A Dask dataframe is computed by its scheduler, partition by partition. A
    RecordBatchReader is read to its end.

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
        date_format=date_format,
        decimal=decimal,
        thousands=thousands,
        null=null,
        on_fault=on_fault,
        max_faults=max_faults,
        tolerate=tolerate,
        incomplete=incomplete,
    )
    check_tolerated(options)
    run = Run(transactions, loyalty, options, with_constants(columns or {}, constant))
    if run.frame.deferred:
        return cast(Frame, run.vectors_later(_collected))
    vectors, outcome = run.vectors()
    warn_of(outcome, stacklevel=2)
    return cast(Frame, vectors)


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
    date_format: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    null: Sequence[str] = (),
    constant: Mapping[str, str] | None = None,
    on_fault: str = "quarantine",
    max_faults: float = 1.0,
    tolerate: Mapping[str, float | str] | None = None,
    incomplete: str = "keep",
) -> Frame:
    """The faulty rows, without building; the parameters are those of :func:`build`.

    ``on_fault``, ``max_faults``, ``tolerate`` and ``incomplete`` are taken so that the same arguments serve both, and
    change nothing.

    Returns
    -------
    Shape (faulty rows, 4 + columns), the same kind as ``transactions``, in its order: ``row_number`` (int64,
    from 1), ``fault`` (the name of the first), ``faults`` (all of them, separated by commas), ``message``,
    then every original column, of the type that it had; one that is named like those four begins with
    ``original_``. Empty when nothing is wrong.

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
        date_format=date_format,
        decimal=decimal,
        thousands=thousands,
        null=null,
        on_fault=on_fault,
        max_faults=max_faults,
        tolerate=tolerate,
        incomplete=incomplete,
    )
    options = replace(options, on_fault=OnFault.QUARANTINE, max_faults=1.0, tolerate=(), incomplete=Incomplete.KEEP)
    run = Run(transactions, loyalty, options, with_constants(columns or {}, constant))
    return cast(Frame, run.faulty_rows_later() if run.frame.deferred else run.faulty_rows())


def _collected(run: Run) -> Any:
    vectors, outcome = run.vectors()
    warn_of(outcome, stacklevel=1)
    return vectors
