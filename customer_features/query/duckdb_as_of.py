"""Vectors at many as-of dates from one pass over the rows: what is asked of the rows, and the features at the end.

The customers that get a vector are *ranked* by id; in between, measures are taken at every date side by side (see
``engines/duckdb/as_of.py``), for a range of ranks at a time.
"""

from __future__ import annotations

from datetime import date

from customer_features.definition.options import Grain, Options, Returns
from customer_features.query.duckdb_steps import date_literal, feature_items, orders


def ranked(customers_out: bool) -> str:
    """Rolled-up customers in byte order of their ids, with their rank from 0 and their loyalty."""
    without = " ANTI JOIN faulty_customers USING (customer_id)" if customers_out else ""
    return f"""SELECT customer_id, row_number() OVER (ORDER BY customer_id) - 1 AS rank,
    COALESCE(lowest_loyalty, 0) AS loyalty FROM customers_measured{without} ORDER BY customer_id"""


def ranks(first: int, past: int, customers: int) -> str:
    """Of so many ranked customers those of a range of ranks, ranked from 0 in it."""
    if (first, past) == (0, customers):
        return "(SELECT customer_id, rank, loyalty FROM customers_ranked)"
    inside = f"rank >= {first} AND rank < {past}"
    return f"(SELECT customer_id, rank - {first} AS rank, loyalty FROM customers_ranked WHERE {inside})"


def rows(relation: str, options: Options, ranks: str) -> str:
    """Counted rows for sums, counts and latest days: rank, day, units, and whether it is a purchase.

    In the grains in which a row is an order line each has the number of its product as well.
    """
    if options.grain is Grain.REPEATED_TOTAL:
        # An order's lines agree on its total and its date: conflicting orders were left out.
        purchase = _purchase(options, "highest_number")
        return f"""SELECT rank, last_day AS day, CAST(highest_units AS BIGINT) AS units, {purchase}
  FROM ({orders(relation)}) JOIN {ranks} USING (customer_id)"""
    return f"""SELECT rank, day, CAST(units AS BIGINT) AS units, {_purchase(options, "number")}, product_number
  FROM {relation} JOIN products_numbered USING (product_id) JOIN {ranks} USING (customer_id)"""


def _purchase(options: Options, signed: str) -> str:
    return f"CAST({f'{signed} >= 0' if options.returns is Returns.NET else 'TRUE'} AS UTINYINT) AS purchase"


def products(relation: str, options: Options, ranks: str) -> str:
    """Counted purchases for distinct counts, where they are other rows than those of the sums: rank, day, product."""
    purchases = " WHERE number >= 0" if options.returns is Returns.NET else ""
    return f"""SELECT rank, day, product_number
  FROM {relation} JOIN products_numbered USING (product_id) JOIN {ranks} USING (customer_id){purchases}"""


def ids(ranks: str) -> str:
    """The customers of a range of ranks in their order, with their loyalty."""
    return f"SELECT customer_id, loyalty FROM {ranks} ORDER BY rank"


def visits(relation: str, options: Options, ranks: str) -> str:
    """Orders of the grain ``line``: rank, and the different days of the order's purchases in ascending order."""
    purchases = " WHERE number >= 0" if options.returns is Returns.NET else ""
    return f"""SELECT rank, list_sort(list(DISTINCT day)) AS days
  FROM {relation} JOIN {ranks} USING (customer_id){purchases} GROUP BY rank, transaction_id"""


def vectors() -> str:
    """The features at each as-of date from the table of measures, which is in the order of customer_id and date."""
    return f"SELECT customer_id, as_of, {feature_items()} FROM (SELECT *, as_of AS today FROM as_of_measured)"


def values(day: date) -> str:
    """The features alone at one of the dates, in no order."""
    measures = f"SELECT *, as_of AS today FROM as_of_measured WHERE as_of = {date_literal(day)}"
    return f"SELECT {feature_items()} FROM ({measures})"
