"""What the engine asks of text columns of numbers and of ids before it reads them."""

from __future__ import annotations

import duckdb
import pytest

from customer_features.engines.duckdb.numbers import holds_numbers, refuse_currencies, refuse_two_readings
from customer_features.engines.duckdb.whole_ids import whole_number, written_as_floats
from customer_features.errors import ColumnError
from customer_features.query.text_numbers import PLAIN, currency_of_text, number_of_text
from customer_features.sources.parts import Part

MANY = ["10.50"] * 1500
PART = Part("s", "t", {"x": "VARCHAR"})


def connection_over(texts: list[str]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest(?::VARCHAR[]) AS x", [texts])
    return connection


@pytest.mark.parametrize(
    ("texts", "refused"),
    [
        (["1.250", "80"], True),
        (["1,250", "80"], True),
        ([*["80"] * 1500, "1.250"], True),
        ([*["80"] * 1500, "1.250", "10.5"], False),
        ([*["12,50"] * 1500, "1.250", *MANY], True),
        ([*["12,50"] * 30, *MANY, "1.250"], False),
        ([*MANY, "1.250"], False),
        (["80", "90"], False),
    ],
)
def test_columns_with_two_readings(texts: list[str], refused: bool) -> None:
    connection = connection_over(texts)
    if refused:
        with pytest.raises(ColumnError, match="which could be"):
            refuse_two_readings(connection, PART, "amount", {"x": "x"})
    else:
        refuse_two_readings(connection, PART, "amount", {"x": "x"})


def test_a_sample_does_not_settle_what_all_rows_contradict() -> None:
    connection = connection_over([*MANY, *["12,50"] * 100, "1,250"])
    refuse_two_readings(connection, PART, "amount", {"x": "x"})
    with pytest.raises(ColumnError, match="which could be"):
        refuse_two_readings(connection, PART, "amount", {"x": "x"}, sampled=False)


@pytest.mark.parametrize(
    ("texts", "marks"),
    [
        (["$5", "7"], ["$"]),
        (["5", "7"], []),
        (["$5", "7 \u20ac"], ["$", "\u20ac"]),
        (["5 EUR", "(7) "], ["EUR"]),
        (["$5", "\u20acx"], ["$"]),
        (["A$5", "$5"], ["$", "A$"]),
    ],
)
def test_one_currency_beside_amounts(texts: list[str], marks: list[str]) -> None:
    connection = connection_over(texts)
    read = f"(SELECT {number_of_text('x')} AS number, {currency_of_text('x')} AS currency_mark FROM t)"
    if len(marks) > 1:
        with pytest.raises(ColumnError, match=rf"'\{marks[0]}' \(1 row\).*'{marks[1]}'".replace("A$", "A[$]")):
            refuse_currencies(connection, read, "x", "s")
    else:
        assert refuse_currencies(connection, read, "x", "s") == (marks[0] if marks else None)


def test_a_column_holds_numbers_where_most_of_its_texts_do() -> None:
    for texts, expected in ((["1", "$2", "x"], True), (["1", "x"], False), (["x", "y"], False), ([""], False)):
        assert holds_numbers(connection_over(texts), PART, "x", PLAIN) is expected, texts


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["17850.0", "13047"], True),
        (["17850.0", ""], True),
        (["17850", "13047"], False),
        (["17850.0", "A1"], False),
        ([*["17850.0"] * 1500, "A1"], False),
        ([*["17850"] * 1500, "1.5"], False),
        ([*["17850.0"] * 1500, "17850.00"], False),
        (["17850.00"], False),
        (["-5.0"], False),
    ],
)
def test_whole_numbers_written_as_floats(texts: list[str], expected: bool) -> None:
    assert written_as_floats(connection_over(texts), "x", "t", "x", "t", several=False, kept=False) is expected


def test_the_whole_number_of_an_id() -> None:
    found = connection_over(["17850.0", "17850", "170.0"]).execute(f"SELECT {whole_number('x')} FROM t").fetchall()
    assert [text for (text,) in found] == ["17850", "17850", "170"]
