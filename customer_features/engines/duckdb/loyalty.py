"""Loyalty scores of a file or frame, read here by the rules of every door, for an engine that computes elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import translated
from customer_features.sources.parts import Part

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Scores:
    """Each customer's score: ``rows`` is an Arrow table of the step ``loyalty_scores`` in ``query/steps.py``.

    ``others``: how many scores are of no customer that the other engine can have; ``mapping``: the column or
    expression of each field, as people named it.
    """

    name: str
    rows: Any
    others: int
    mapping: dict[str, str]


def scores_of(
    connection: duckdb.DuckDBPyConnection,
    part: Part,
    options: Options,
    columns: Mapping[str, str],
    *,
    nul: bool = True,
) -> Scores:
    """Read each customer's score; ``nul``: whether the other engine's text may hold a NUL."""
    engine = Engine(connection, [], options, columns=columns, loyalty=part)
    with translated(part), engine.blaming():
        engine.stage_loyalty(part)
    named = "customer_id IS NOT NULL" + ("" if nul else " AND NOT contains(customer_id, chr(0))")
    shown = "loyalty_shown" if nul else "REPLACE(loyalty_shown, chr(0), '␀')"
    rows = connection.sql(
        "SELECT customer_id, CAST(loyalty_faulty AS INTEGER) AS faulty_scores, lowest_loyalty AS least_loyalty,"
        f" highest_loyalty AS greatest_loyalty, {shown} AS faulty_score FROM loyalty_scores WHERE {named}"
    ).to_arrow_table()
    [(count,)] = connection.sql("SELECT COUNT(*) FROM loyalty_scores").fetchall()
    return Scores(part.name, rows, int(count) - int(rows.num_rows), engine.scored_by)
