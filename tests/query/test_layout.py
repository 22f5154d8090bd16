"""SQL on lines: other blanks, the same tokens."""

from __future__ import annotations

import pytest
from sqlglot import tokenize

from customer_features.query.layout import laid_out

ODD = [
    "",
    "SELECT 1",
    "SELECT 'a  FROM b', \"x  SELECT\" FROM t WHERE a = 'it''s ('",
    "CREATE TEMP TABLE t AS SELECT a, f(b, c), (SELECT MAX(d) FROM u) AS d FROM (SELECT * FROM v) x"
    " LEFT JOIN w USING (a, b) ANTI JOIN y USING (a) WHERE a AND b GROUP BY 1, 2 HAVING n > 1 ORDER BY a LIMIT 3",
    "SELECT row_number() OVER (PARTITION BY a ORDER BY b, c) FROM t UNION ALL SELECT a[1], {'k': 2} FROM u",
    "SELECT * EXCLUDE (a, b) REPLACE (c AS d) FROM read_csv(['x'], columns={'a': 'VARCHAR'}, quote='\"')",
    "SELECT list_filter([a, b], lambda name: name IS NOT NULL), a // 2, a::VARCHAR[], -1.5e3 FROM t",
    "SELECT extract(year FROM a), trim(BOTH ' ' FROM b) FROM t",
]


@pytest.mark.parametrize("sql", ODD)
def test_only_blanks_change(sql: str) -> None:
    after = laid_out(sql)
    assert [(token.token_type, token.text) for token in tokenize(after, read="duckdb")] == [
        (token.token_type, token.text) for token in tokenize(sql, read="duckdb")
    ]
    assert after.replace(" ", "").replace("\n", "") == sql.replace(" ", "").replace("\n", "")


def test_clauses_and_items_on_lines() -> None:
    assert laid_out(ODD[3]) == (
        "CREATE TEMP TABLE t AS\nSELECT a,\n  f(b, c),\n  (\n    SELECT MAX(d)\n    FROM u\n  ) AS d\nFROM (\n"
        "  SELECT *\n  FROM v\n) x\nLEFT JOIN w USING (a, b)\nANTI JOIN y USING (a)\nWHERE a AND b\nGROUP BY 1, 2\n"
        "HAVING n > 1\nORDER BY a\nLIMIT 3"
    )


@pytest.mark.parametrize("sql", ["SELECT 1 -- all\nFROM t", "SELECT /* two */ 1", "SELECT 'open"])
def test_what_is_not_understood_stays(sql: str) -> None:
    assert laid_out(sql) == sql
