"""The rows of a table as the engine reads them, judged by nobody: for a door that has them judged elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import translated
from customer_features.query import duckdb_steps

if TYPE_CHECKING:
    import duckdb

_OWN = "loyalty AS lowest_loyalty, loyalty AS highest_loyalty, loyalty_faulty, loyalty_found AS loyalty_shown"
_OF_TABLE = (
    "s.lowest_loyalty AS lowest_loyalty, s.highest_loyalty AS highest_loyalty,"
    " COALESCE(s.loyalty_faulty, FALSE) AS loyalty_faulty, s.loyalty_shown AS loyalty_shown"
)


def rows_read(engine: Engine) -> duckdb.DuckDBPyRelation:
    """Every row of the engine's one part, by customer in byte order of ids, and in the part's order.

    ``place``: the customer's, from 0; ``row``: the row's in the part, from 0; the ids as text; ``day`` and, where that
    is null, ``date_found``; ``number``, ``units`` and ``amount_found``; ``lowest_loyalty``, ``highest_loyalty``,
    ``loyalty_faulty``, ``loyalty_shown``: of the row's own score, or of the customer's where there is a table of them.
    """
    with translated(*engine.parts, engine.loyalty):
        (staged,) = engine.stage()
        readings = {**staged.readings.staged, **staged.readings.found}
        rows = duckdb_steps.staged(readings, staged.part.relation, "row_number() OVER () - 1 AS row")
        scores, joined = _OWN, ""
        if engine.loyalty is not None:
            scores, joined = _OF_TABLE, " LEFT JOIN loyalty_scores s USING (customer_id)"
        return engine.connection.sql(
            "SELECT dense_rank() OVER (ORDER BY customer_id) - 1 AS place, row, customer_id, transaction_id,"
            f" product_id, day, date_found, number, CAST(units AS BIGINT) AS units, amount_found, {scores}"
            f" FROM ({rows}) r{joined} ORDER BY customer_id, row"
        )
