"""The listing of faulty rows: each once, under the first fault, with all of them, as the DuckDB engine files it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import customer_features
from customer_features.definition.options import Options
from customer_features.query.dialects import Kind, Type, dialect
from customer_features.query.faulty_rows import faulty_rows
from customer_features.query.printing import text_of
from customer_features.query.steps import FIELDS, LOYALTY, Portable, Source
from tests.query.test_steps import BY_TRANSLATION, OUR_WORDS, in_duckdb

pytestmark = pytest.mark.sampled(4)

NAMES = (*FIELDS, LOYALTY)
GOOD = ("c", "t", "2025-03-01", "5.00", "p", None)


def row(**changed: Any) -> tuple[Any, ...]:
    return tuple(changed.get(name, value) for name, value in zip(ORDER, GOOD, strict=True))


ORDER = ("customer_id", "transaction_id", "date", "amount", "product_id", LOYALTY)
ROWS = [
    row(),
    *(row(**{name: missing}) for name in ORDER[:5] for missing in (None, "")),
    row(customer_id="", transaction_id=None, date="x", amount="y"),
    *(row(date=text) for text in ("2025-02-30", "01.03.2025", "2025-3-1", "2025-03-01x", "0000-01-01", "2025-03-02")),
    *(row(date=text) for text in ("2025-03-01 10:00", "2025-03-01T25:00", "2025-03-01T23:30:00Z", "9999-12-31")),
    *(row(amount=text) for text in ("abc", "1,5", "1_0", "0x1p3", "1d", "--1", "5.", ".5", " 5\t", "5e0", "+5")),
    *(row(amount=text) for text in ("nan", "-Inf", "Infinity", "1e999", "-1e999", "1e-999", "1e12", "100000000000")),
    *(row(amount=text) for text in ("-0.01", "-5e-324", "-0", "-1e-9")),
    *(row(customer_id="m", transaction_id="o", amount=text) for text in ("1.00", "1.0000", "1.00005")),
    *(row(customer_id="d", transaction_id="o", date=text) for text in ("2025-02-01", "2025-02-02")),
    *(row(customer_id="l", transaction_id=text, loyalty_score=text) for text in ("0.5", "7", "nan")),
    *(row(customer_id="k", transaction_id=text, loyalty_score=text) for text in ("0.5", "0.50", "0.25", "")),
    *(row(customer_id="big", transaction_id=str(place), amount="1e11") for place in range(901)),
    row(customer_id="r", amount="-3"),
]
CHOICES = [
    {"today": "2025-03-01"},
    {"today": "2025-03-01", "grain": "line", "future": "exclude"},
    {"today": "2025-03-01", "grain": "repeated_total"},
    {"today": "2025-03-01", "returns": "net", "future": "exclude", "window": "1 month"},
    {"today": "2025-03-01", "grain": "repeated_total", "returns": "net", "window": "28 days"},
    {"as_of": ["2025-02-01", "2025-03-01"], "future": "exclude", "window": "10 days"},
    {"as_of": ["2025-02-01", "2025-03-01"], "grain": "repeated_total", "returns": "net", "future": "exclude"},
]


def rows_table() -> pa.Table:
    columns = zip(*ROWS, strict=True)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(ORDER, columns, strict=True)})


def portable(name: str, **choices: Any) -> Portable:
    spoken = dialect(name)
    source = Source("t", {field: spoken.quoted(field) for field in NAMES}, dict.fromkeys(NAMES, Type(Kind.TEXT)))
    return Portable(spoken, Options.parse(**choices), source)


def run(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute(OUR_WORDS)
        connection.register("t", rows_table())
        return connection.execute(query).fetchall()


def expected(choices: dict[str, Any]) -> Counter[tuple[Any, ...]]:
    given = {**choices, "today": choices.get("as_of", choices.get("today"))}
    given.pop("as_of", None)
    found = customer_features.check(rows_table(), **given)
    return Counter(zip(*(found[name].to_pylist() for name in ("fault", "faults", *ORDER[:5])), strict=True))


@pytest.mark.parametrize(
    "choices",
    [
        pytest.param(choices, id=str(choices), marks=[pytest.mark.slow] if place not in (2, 3, 6) else [])
        for place, choices in enumerate(CHOICES)
    ],
)
@pytest.mark.parametrize("name", BY_TRANSLATION)
def test_each_faulty_row_once_with_all_its_faults(name: str, choices: dict[str, Any]) -> None:
    query = in_duckdb(name, text_of(portable(name, **choices), True))
    found = Counter((fault, faults, *cells) for fault, faults, _, *cells in run(query))
    assert found == expected(choices)


def test_these_rows_have_every_fault_that_a_table_can_have() -> None:
    met = {fault for choices in CHOICES for fault, *_ in expected(choices)}
    never = {"incomplete_customer", "unreadable_id", "unreadable_row", "duplicate_customer", "no_transactions"}
    from customer_features.definition.faults import FAULTS

    assert met == {rule.name for rule in FAULTS} - never


def test_a_sentence_says_what_was_found() -> None:
    said = {message for _, _, message, *_ in run(faulty_rows(portable("duckdb", **CHOICES[2])))}
    assert (
        "date '2025-02-30' cannot be read: allowed are calendar days from 0001-01-01 to 9999-12-31, written YYYY-MM-DD"
        in said
    )
    assert "amount '1,5' cannot be read: allowed is a number such as 520.55" in said
    assert "order 'o' has two different dates: with grain repeated_total an order has one date" in said
    assert "loyalty_score 7 is out of range: allowed is a number from 0 to 1, or nothing" in said
    assert "customer 'k' has two different loyalty scores: allowed is one for each customer" in said
    assert None not in said


def test_original_columns_are_carried_along() -> None:
    made = portable("duckdb", today="2025-03-01")
    source = Source(made.source.relation, made.source.fields, made.source.types, ('"amount"', "UPPER(product_id)"))
    with duckdb.connect() as connection:
        connection.register("t", rows_table())
        query = faulty_rows(Portable(made.dialect, made.options, source), ("amount", "odd name"))
        found = connection.sql(query)
        assert found.columns == ["fault", "faults", "message", "amount", "odd name"]
        assert ("unreadable_amount", "unreadable_amount", "1,5", "P") in {
            (a, b, d, e) for a, b, _, d, e in found.fetchall()
        }
