"""What ``customer-features build`` does between reading its arguments and printing its summary."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from benchmarks.data import TODAY
from customer_features.definition.options import Options, every
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from customer_features.targets.publish import publish


def build(source: str, out: str, memory_limit: str | None = None) -> None:
    """One as-of date, all rows."""
    _run(source, out, Options.parse(today=TODAY, on_fault="quarantine"), memory_limit)


def months(source: str, out: str, count: str) -> None:
    """Monthly as-of dates, each with a window of 12 months: ``--every month --window '12 months' --future exclude``."""
    year, month = divmod(TODAY.year * 12 + TODAY.month - int(count), 12)
    dates = every("month", date(year, month + 1, 1), TODAY)
    if len(dates) != int(count):
        raise SystemExit(f"{len(dates)} dates instead of {count}")
    given = {"as_of": dates} if len(dates) > 1 else {"today": dates[0]}
    _run(source, out, Options.parse(**given, window="12 months", future="exclude", on_fault="quarantine"), None)


def _run(source: str, out: str, options: Options, memory_limit: str | None) -> None:
    with connected(memory_limit=memory_limit) as connection, opened([source], connection) as parts:
        engine = Engine(connection, parts, options)
        engine.judge()
        publish(engine, Path(out))
