"""The table of faults: the names and the order of decision 12, and predicates that agree in SQL and Python."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from customer_features.definition import faults
from customer_features.definition.faults import FAULTS, WARNINGS, Row, Scope, group_faults, row_faults
from customer_features.definition.options import Options

DECISION_12 = [
    "missing_customer_id",
    "missing_transaction_id",
    "missing_product_id",
    "unreadable_id",
    "missing_date",
    "unreadable_date",
    "future_date",
    "missing_amount",
    "unreadable_amount",
    "amount_out_of_range",
    "negative_amount",
    "unreadable_row",
    "conflicting_order_total",
    "conflicting_order_date",
    "loyalty_out_of_range",
    "conflicting_loyalty",
    "duplicate_customer",
    "no_transactions",
    "only_returns",
    "incomplete_customer",
    "total_out_of_range",
]
OPTIONS = Options.parse(today="2025-04-24")
NETTING = Options.parse(today="2025-04-24", returns="net", future="exclude")


def test_names_and_order() -> None:
    assert [fault.name for fault in FAULTS] == DECISION_12
    assert set(WARNINGS) == {
        *("repeated_transaction_id", "duplicate_row", "looks_like_repeated_totals", "looks_like_null", "rounded_ids"),
        *("near_duplicate_ids", "one_order_per_customer", "no_loyalty_matches", "near_loyalty_ids"),
        *("points_not_read", "placeholder_dates", "stale_data"),
    }


def test_a_fault_is_found_by_name() -> None:
    assert faults.fault("future_date").scope is Scope.ROW
    with pytest.raises(KeyError):
        faults.fault("no_such_fault")


def test_messages_say_what_was_found_and_what_is_allowed() -> None:
    for fault in FAULTS:
        said = fault.says("<<42>>")
        assert "{" not in said
        assert said.count("<<42>>") == fault.message.count("{found}") <= 1
        assert "allowed" in said or "required" in said or fault.scope is not Scope.ROW or fault.name == "unreadable_row"
        assert fault.mend
    for warning in WARNINGS.values():
        assert "<<42>>" in warning.says("<<42>>")


def test_what_is_found_is_not_read_as_a_pattern() -> None:
    assert "'{found} {0} %s'" in faults.fault("unreadable_date").says("{found} {0} %s")


def test_policies_take_rules_out() -> None:
    assert {f.name for f in row_faults(OPTIONS)} - {f.name for f in row_faults(NETTING)} == {
        "future_date",
        "negative_amount",
    }
    assert {f.name for f in group_faults(Scope.CUSTOMER, NETTING)} - {
        f.name for f in group_faults(Scope.CUSTOMER, OPTIONS)
    } == {"only_returns"}
    assert [f.name for f in group_faults(Scope.ORDER, OPTIONS)] == ["conflicting_order_total", "conflicting_order_date"]


DAY = date(2025, 4, 21)
ROWS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"customer_id": None}, {"missing_customer_id"}),
    ({"customer_id": ""}, {"missing_customer_id"}),
    ({"customer_id": " "}, set()),
    ({"transaction_id": None}, {"missing_transaction_id"}),
    ({"product_id": ""}, {"missing_product_id"}),
    ({"date": None, "day": None}, {"missing_date"}),
    ({"date": "x", "day": None}, {"unreadable_date"}),
    ({"day": date(2025, 4, 24)}, set()),
    ({"day": date(2025, 4, 25)}, {"future_date"}),
    ({"day": date(1, 1, 1)}, set()),
    ({"amount": None, "number": None}, {"missing_amount"}),
    ({"amount": "x", "number": None}, {"unreadable_amount"}),
    ({"number": 1e11}, set()),
    ({"number": 100000000000.00002}, {"amount_out_of_range"}),
    ({"number": float("inf")}, {"amount_out_of_range"}),
    ({"number": float("nan")}, {"amount_out_of_range"}),
    ({"number": float("-inf")}, {"amount_out_of_range", "negative_amount"}),
    ({"number": -0.0}, set()),
    ({"number": -5e-324}, {"negative_amount"}),
    (
        {"customer_id": None, "product_id": "", "day": date(9999, 12, 31), "number": -1e12},
        {"missing_customer_id", "missing_product_id", "future_date", "amount_out_of_range", "negative_amount"},
    ),
]


@pytest.mark.parametrize(("changes", "expected"), ROWS)
def test_row_rules_agree_in_sql_and_python(changes: dict[str, Any], expected: set[str]) -> None:
    values: dict[str, Any] = {
        "customer_id": "c",
        "transaction_id": "t",
        "product_id": "p",
        "date": "2025-04-21",
        "day": DAY,
        "amount": 1.5,
        "number": 1.5,
        **changes,
    }
    row = Row(**values)
    in_python = {rule.name for rule in row_faults(OPTIONS) if rule.rows is not None and rule.rows(row, OPTIONS)}
    staged = (
        "SELECT $1::VARCHAR AS customer_id, $2::VARCHAR AS transaction_id, $3::VARCHAR AS product_id,"
        " $4::BOOLEAN AS date_missing, $5::DATE AS day, $6::BOOLEAN AS amount_missing, $7::DOUBLE AS number,"
        " CAST(NULL AS VARCHAR) AS unreadable_id, DATE '2025-04-24' AS today"
    )
    rules = row_faults(OPTIONS)
    [found] = duckdb.sql(
        f"SELECT {', '.join(f'COALESCE({rule.sql}, FALSE)' for rule in rules)} FROM ({staged})",
        params=[
            row.customer_id,
            row.transaction_id,
            row.product_id,
            row.date is None,
            row.day,
            row.amount is None,
            row.number,
        ],
    ).fetchall()
    in_sql = {rule.name for rule, holds in zip(rules, found, strict=True) if holds}
    assert in_python == expected
    assert in_sql == expected
