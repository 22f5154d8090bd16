"""The Spark door over DataFrames: vectors and faulty rows of one, and what stays persisted for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from customer_features.definition.faults import check_tolerated
from customer_features.definition.options import OnFault, Options, dates
from customer_features.engines.outcome import warn_of
from customer_features.errors import InvalidOption, MissingExtra, OutputError, SourceError, UsageError

try:
    import pyspark
    import sqlglot  # noqa: F401
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building on Spark", "spark") from error

from customer_features.query.columns import check_fields, check_scores, with_constants

if TYPE_CHECKING:
    from customer_features.engines.spark.engine import Engine

OLDEST = 4
"""The first major version of Spark whose SQL has all that the query needs."""


def build(
    transactions: DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    today: object = None,
    loyalty: DataFrame | None = None,
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
    quarantine: str | None = None,
) -> DataFrame:
    """One exact feature vector per customer, computed by the cluster.

    Parameters
    ----------
    transactions
        Purchase rows. Ids are strings or whole numbers (also ``decimal(p, 0)``); dates are dates, timestamps or
        strings ``YYYY-MM-DD``; amounts are doubles, floats, decimals or whole numbers in the currency's main unit, or
        strings holding one. A ``timestamp`` is an instant, which becomes a day in ``timezone``, whatever the session's
        timezone is; a ``timestamp_ntz`` is taken as already local.
    columns
        Field to column name or Spark SQL expression over one row, for columns whose names are not recognised:
        ``{"customer_id": "household_id", "amount": "price * quantity"}``.
    today
        Reference date for recency (a ``date`` or ``YYYY-MM-DD``); the current date in ``timezone`` if None.
        A list of dates gives a vector for each customer at each of them, from the rows up to that date; a column
        ``as_of`` (date) stands after ``customer_id`` then.
    loyalty
        A second DataFrame with ``customer_id`` and ``loyalty_score`` (0 to 1); absent customers get 0.0.
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
    quarantine
        With ``on_fault="quarantine"``, where the rows left out are written: a path (anything that holds ``/`` or ``:``,
        or ends in ``.parquet``), as Parquet, or else the name of a table. What stood there is replaced, also where no
        row is faulty.

    Returns
    -------
    Shape (customers, 7), ordered by ``customer_id`` in byte order: ``customer_id`` (string), then six double columns:
    ``purchase_total`` (currency, two decimals), ``visit_frequency`` (visits), ``avg_ticket`` (currency per visit, two
    decimals), ``product_diversity`` (products), ``loyalty_score`` (0 to 1), ``recency_days`` (days). No column is
    nullable (but ``as_of``, which has no nulls either).

    Raises
    ------
    DataFaults
        The data were refused; it holds the counts and the first hundred faulty rows.
    ColumnError
        A column is missing, unfit, two would serve, or two share a name.
    InvalidOption
        An option's value is not one of those allowed.
    SourceError
        ``transactions`` is no Spark DataFrame, or one of Spark Connect.
    UsageError
        Spark is older than 4.0.

    Notes
    -----
    The rows are read and rolled up **at once**, as they have to be judged before anything is handed out. The measures
    of customers stay persisted (memory and disk), and the DataFrame returned is computed from them whenever it is
    read; :func:`release` gives that room back. Neither the session's settings nor its catalogue are left changed, and
    no setting of it (ANSI mode, timezone) changes a bit of the result.

    Formulas: the published contract of ``/api/v1/ai/customer_features``. Sums are exact integers of 1/10000, rounded
    half up once.
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
    if quarantine is not None and options.on_fault is not OnFault.QUARANTINE:
        raise InvalidOption("quarantine", "goes with on_fault='quarantine': otherwise a faulty row stops the run")
    with engine_over(transactions, options, with_constants(columns or {}, constant), loyalty) as engine:
        outcome = engine.judge()
        if quarantine is not None:
            write_quarantine(engine.faulty_rows(), quarantine)
        vectors = _persisted(engine.vectors(), engine, "faulty")
    where = "check() returns them" if quarantine is None else f"they are in {quarantine}"
    warn_of(outcome, stacklevel=2, where=where)
    return vectors


def check(
    transactions: DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    today: object = None,
    loyalty: DataFrame | None = None,
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
    quarantine: str | None = None,
) -> DataFrame:
    """The faulty rows, without building; the parameters are those of :func:`build`.

    ``on_fault``, ``max_faults``, ``tolerate`` and ``quarantine`` are taken so that the same arguments serve both, and
    change nothing.

    Returns
    -------
    Shape (faulty rows, 3 + columns), in no order, as the rows of a DataFrame have none: ``fault`` (the name of the
    first), ``faults`` (all of them, separated by commas), ``message``, then every original column in its own type.
    Empty when nothing is wrong. The rows are judged at once; those listed stay persisted until :func:`release`.

    Raises
    ------
    ColumnError, InvalidOption, SourceError, UsageError
        As :func:`build`.
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
    with engine_over(transactions, options, with_constants(columns or {}, constant), loyalty) as engine:
        engine.judge(warn=False)
        return _persisted(engine.faulty_rows(), engine, "customers", "parts")


_PERSISTED: WeakKeyDictionary[DataFrame, dict[str, Any]] = WeakKeyDictionary()
"""What stays persisted for a DataFrame that was handed out."""


def _persisted(frame: DataFrame, engine: Engine, *done: str) -> DataFrame:
    engine.warehouse.drop(*done)
    _PERSISTED[frame] = engine.warehouse.kept
    return frame


def release(frame: DataFrame) -> None:
    """Give back what stays persisted for a DataFrame that :func:`build` or :func:`check` returned.

    Read again afterwards, it is computed from the rows anew. Does nothing to other DataFrames.
    """
    for kept in _PERSISTED.pop(frame, {}).values():
        kept.unpersist()


def write_quarantine(faulty: DataFrame, target: str) -> None:
    """Write rows set aside to a path, as Parquet, or into a table, in the place of what was there."""
    writer = faulty.write.mode("overwrite")
    try:
        if is_path(target):
            writer.parquet(target)
        else:
            writer.saveAsTable(target)
    except PySparkException as error:
        raise OutputError(f"{target}: {str(error).strip().splitlines()[0]}") from None


def is_path(target: str) -> bool:
    """Whether a target is a path, and no table's name."""
    return "/" in target or ":" in target or target.endswith(".parquet")


def engine_over(
    transactions: Any,
    options: Options,
    columns: Mapping[str, str] | None = None,
    loyalty: Any = None,
    name: str = "transactions",
) -> Engine:
    """An engine over a frame that was found to be one of Spark 4. Raises SourceError, UsageError, InvalidOption."""
    refuse_old(pyspark.__version__, "PySpark")
    for frame, called in ((transactions, name), (loyalty, "loyalty")):
        if frame is not None or called == name:
            _check_frame(frame, called)
    refuse_old(str(transactions.sparkSession.version), "the cluster's Spark")
    check_fields(columns or {})
    if loyalty is not None:
        check_scores(columns or {}, with_points=options.max_points is not None)
    from customer_features.engines.spark.engine import Engine

    return Engine(transactions, options, columns=columns, loyalty=loyalty, name=name)


def refuse_old(version: str, what: str) -> None:
    """Raise UsageError for a Spark that is too old."""
    if int(version.partition(".")[0]) < OLDEST:
        raise UsageError(
            f"{what} {version} is too old: Spark {OLDEST}.0 or newer is needed (pip install 'pyspark>=4.0')"
        )


def _check_frame(frame: Any, name: str) -> None:
    if type(frame).__module__.startswith("pyspark.sql.connect"):
        raise SourceError(
            f"{name}: found a DataFrame of Spark Connect, whose session cannot keep what a run measures; use a classic"
            " session (SparkSession.builder.master(...)), or submit the job to the cluster with spark-submit"
        )
    if not isinstance(frame, DataFrame):
        raise SourceError(
            f"{name}: found {type(frame).__module__.partition('.')[0]} {type(frame).__name__}; allowed is a Spark"
            " DataFrame (customer_features.build takes pandas, Polars, PyArrow and DuckDB)"
        )
    if frame.isStreaming:
        raise SourceError(
            f"{name}: found a streaming DataFrame, whose rows have no end; give one of all rows that are there so far,"
            " for example spark.read of what the stream reads or writes"
        )
