"""The oracle itself: against the contract's example, decimals, and its own shortcut."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.agreement import oracle
from tests.agreement.oracle import Row
from tests.conftest import EXAMPLE, EXAMPLE_VECTORS


def test_the_contracts_example() -> None:
    rows = [
        Row(
            one["customer_id"], row["transaction_id"], date.fromisoformat(row["date"]), row["amount"], row["product_id"]
        )
        for one in EXAMPLE["customers"]
        for row in one["transactions"]
    ]
    assert oracle.vectors(rows, date(2025, 4, 24), loyalty={"C-1001": 0.97}) == EXAMPLE_VECTORS


def test_it_imports_nothing_of_the_package() -> None:
    source = open(oracle.__file__).read()  # noqa: PTH123, SIM115
    assert "customer_features" not in source


@given(st.floats(min_value=-1e11, max_value=1e11))
def test_units_in_bulk(amount: float) -> None:
    assert oracle.units_in_bulk(amount) == oracle.units_of(amount)


@given(st.integers(-(2**70), 2**70), st.integers(1, 10**6))
def test_two_decimals_in_bulk(units: int, parts: int) -> None:
    assert oracle.two_decimals_in_bulk(units, parts) == oracle.two_decimals(units, parts)


@given(st.lists(st.decimals(min_value=0, max_value=10**6, places=2), min_size=1, max_size=9))
def test_totals_are_those_of_decimal(amounts: list[Decimal]) -> None:
    rows = [Row("c", str(place), date(2025, 4, 24), float(amount), "p") for place, amount in enumerate(amounts)]
    total, visits, average, *_ = oracle.vectors(rows, date(2025, 4, 24))["c"]
    assert Decimal(repr(total)) == sum(amounts)
    assert average == float((sum(amounts, Decimal(0)) / int(visits)).quantize(Decimal("0.01"), ROUND_HALF_UP))
