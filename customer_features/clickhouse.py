"""The ClickHouse door: a table or query in, vectors out; everything between is computed in ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from customer_features.definition.faults import check_tolerated
from customer_features.definition.options import OnFault, Options, dates
from customer_features.engines.clickhouse.engine import Run
from customer_features.engines.duckdb.loyalty import scores_of
from customer_features.engines.duckdb.session import connected, spilling_to
from customer_features.engines.outcome import warn_of
from customer_features.frames.run import scores_part
from customer_features.query.columns import check_fields, check_scores, with_constants
from customer_features.system.temporary import scratch


def build(
    client: Any,
    table_or_query: str,
    *,
    columns: Mapping[str, str] | None = None,
    today: object = None,
    loyalty: Any = None,
    grain: str = "transaction",
    future: str = "fault",
    returns: str = "fault",
    window: str | None = None,
    timezone: str | None = None,
    null: Sequence[str] = (),
    constant: Mapping[str, str] | None = None,
    on_fault: str = "fail",
    max_faults: float = 0.01,
    tolerate: Mapping[str, float | str] | None = None,
) -> Any:
    """One exact feature vector per customer, computed in ClickHouse.

    Parameters
    ----------
    client
        A session or connection of ``chdb``, or a client of ``clickhouse_connect`` that has a session.
    table_or_query
        A table's name (``orders``, ``shop.orders``) or a query (``SELECT ...``) of purchase rows. Its rows must not
        change until the call returns: ClickHouse has no transactions.
    columns
        As for :func:`customer_features.build`; expressions are in ClickHouse's SQL.
    loyalty
        A table or query in ClickHouse, or a dataframe, with ``customer_id`` and ``loyalty_score`` (0 to 1).
    today, grain, future, returns, window, timezone, null, constant, on_fault, max_faults, tolerate
        As for :func:`customer_features.build`.

    Returns
    -------
    A ``pyarrow.Table`` of shape (customers, 7), ordered by ``customer_id`` in byte order: ``customer_id`` (string),
    then six float64 columns, never null, as of :func:`customer_features.build`; with several dates a column ``as_of``
    (date32) after ``customer_id``.

    Raises
    ------
    DataFaults, ColumnError, InvalidOption, SourceError
        As :func:`customer_features.build`; SourceError also for what ClickHouse says.
    """
    options = Options.parse(
        **dates(today),
        grain=grain,
        future=future,
        returns=returns,
        window=window,
        timezone=timezone,
        null=null,
        on_fault=on_fault,
        max_faults=max_faults,
        tolerate=tolerate,
    )
    check_tolerated(options)
    run = _run(client, table_or_query, options, with_constants(columns or {}, constant), loyalty)
    with run.judged() as (_, judged):
        table = run.vectors(judged)
    warn_of(run.outcome, stacklevel=2)
    return table


def check(
    client: Any,
    table_or_query: str,
    *,
    columns: Mapping[str, str] | None = None,
    today: object = None,
    loyalty: Any = None,
    grain: str = "transaction",
    future: str = "fault",
    returns: str = "fault",
    window: str | None = None,
    timezone: str | None = None,
    null: Sequence[str] = (),
    constant: Mapping[str, str] | None = None,
    on_fault: str = "quarantine",
    max_faults: float = 1.0,
    tolerate: Mapping[str, float | str] | None = None,
) -> Any:
    """The faulty rows, without building; the parameters are those of :func:`build`.

    Returns
    -------
    A ``pyarrow.Table`` of shape (faulty rows, 3 + columns), in no order, as ClickHouse's tables have none: ``fault``
    (the name of the first), ``faults`` (all of them, separated by commas), ``message``, then every original column.
    Empty when nothing is wrong.
    """
    options = Options.parse(
        **dates(today),
        grain=grain,
        future=future,
        returns=returns,
        window=window,
        timezone=timezone,
        null=null,
        on_fault=on_fault,
        max_faults=max_faults,
        tolerate=tolerate,
    )
    options = replace(options, on_fault=OnFault.QUARANTINE, max_faults=1.0, tolerate=())
    run = _run(client, table_or_query, options, with_constants(columns or {}, constant), loyalty)
    with run.judged(originals=True) as (_, judged):
        return run.faulty(judged)


def _run(client: Any, given: str, options: Options, columns: Mapping[str, str] | None, loyalty: Any) -> Run:
    check_fields(columns or {})
    if loyalty is not None:
        check_scores(columns or {}, with_points=False)
    if loyalty is not None and not isinstance(loyalty, str):
        with connected() as connection, scratch(spilling_to()) as folder:
            part = scores_part(loyalty, columns or {}, connection, folder)
            loyalty = scores_of(connection, part, options, columns or {})
    return Run(client, given, options, columns=columns, scores=loyalty)
