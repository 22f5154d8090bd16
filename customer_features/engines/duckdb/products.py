"""Distinct products of each customer at one date, exactly, in as much memory as there is.

Each row becomes one 64-bit word: a key of its customer above the number of its product. The key is the upper
bits of a hash once they were found to differ between all customers *of these data*; where they do not, customers
are numbered as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from customer_features.definition.options import Options
from customer_features.engines.duckdb.distinct import Words, array, arrow, counts_of_groups
from customer_features.engines.duckdb.session import threads_of
from customer_features.engines.prefetch import ahead
from customer_features.query import duckdb_steps

if TYPE_CHECKING:
    import duckdb

BYTES_A_WORD = 8
BATCH = 1 << 18
"""Rows that are fetched at a time."""


def number_products(connection: duckdb.DuckDBPyConnection, counted: str) -> int:
    """Make the table ``products_numbered``; the bits that a number takes."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE products_numbered AS {duckdb_steps.products_numbered(counted)}")
    (products,) = connection.sql("SELECT COUNT(*) FROM products_numbered").fetchall()[0]
    return max(int(products) - 1, 1).bit_length()


def count_products(
    connection: duckdb.DuckDBPyConnection, counted: str, options: Options, rows: int, memory: int
) -> str:
    """Make the table ``products_counted`` (customer, products) of ``rows`` rows that count; SQL of its key.

    The SQL gives the key of a row of ``customers_measured``; ``memory`` is how many bytes of words may be held.
    """
    bits = number_products(connection, counted)
    key = duckdb_steps.hashed_key(bits)
    exact = connection.sql(f"SELECT COUNT(*) = COUNT(DISTINCT {key}) FROM customers_measured").fetchall()[0][0]
    if not exact:
        key = duckdb_steps.NUMBERED_KEY
        numbered = duckdb_steps.customers_numbered("customers_measured", bits)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE customers_measured AS {numbered}")
    connection.execute("CREATE OR REPLACE TEMP TABLE products_counted (customer UBIGINT, products BIGINT)")
    passes = -(-rows * BYTES_A_WORD // memory) or 1
    for number in range(passes):
        some = duckdb_steps.share_of(counted, number, passes) if passes > 1 else counted
        words = Words(rows // passes + BATCH, threads_of(connection))
        batches = connection.sql(duckdb_steps.pairs(some, options, key)).to_arrow_reader(BATCH)
        for batch in ahead(batches, connection.interrupt):
            words.add(array(batch.column(0)))
        customers, products = counts_of_groups(words.sorted(), bits)
        del words  # its memory is needed by what follows
        connection.register("counts", pa.table({"customer": arrow(customers), "products": arrow(products)}))
        connection.execute("INSERT INTO products_counted SELECT customer, products FROM counts")
        connection.unregister("counts")
    return key
