"""Numbers as people read them."""

from __future__ import annotations

import pytest

from customer_features.report import bands, numbers
from customer_features.report.shapes import Band, Bin, DriftBin, Histogram


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "currency", "–"),
        (0.0, "currency", "0.00"),
        (-0.001, "currency", "0.00"),
        (-1234.5, "currency", "−1,234.50"),
        (90071992547409.91, "currency per visit", "90,071,992,547,409.91"),
        (3.0, "visits", "3"),
        (1234.5, "days", "1,234.50"),
        (0.97, "score", "0.97"),
        (0.123456, "score", "0.123"),
        (0.0, "score", "0"),
    ],
)
def test_amounts(value: float | None, unit: str, shown: str) -> None:
    assert numbers.amount(value, unit) == shown


@pytest.mark.parametrize(
    ("share", "digits", "shown"),
    [
        (None, 1, "–"), (0, 1, "0%"), (1, 1, "100%"), (0.351, 1, "35.1%"), (1e-9, 1, "<0.1%"), (1 - 1e-9, 1, ">99.9%"),
        (1 / 1469307, 2, "<0.01%"), (0.1, 0, "10%"),
    ],
)  # fmt: skip
def test_shares_are_not_none_or_all_unless_they_are(share: float | None, digits: int, shown: str) -> None:
    assert numbers.percent(share, digits) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(4596039.58, "4,596,039.58"), (351506786.07, "351.51 m"), (-1.5e9, "−1.50 bn"), (9.0e13, "90.00 tn")],
)
def test_short_amounts(value: float, shown: str) -> None:
    assert numbers.short(value, "currency") == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(7, "7"), (999, "999"), (1000, "1.0k"), (12345, "12k"), (999_600, "1.0M"), (3.4e6, "3.4M")]
)
def test_counts_in_a_cell(value: float, shown: str) -> None:
    assert numbers.tiny(value) == shown


def test_changes_have_signs() -> None:
    assert [numbers.change(value, "days") for value in (2.0, 0.0, -2.0, None)] == ["+2", "0", "−2", "–"]


def test_bins_in_words() -> None:
    whole, parts = Histogram("linear", True, 0, 0, []), Histogram("log", False, 5, 0, [])
    assert bands.of_bin(Bin(3, 4, 1), whole, "visits") == "3"
    assert bands.of_bin(Bin(5, 8, 1), whole, "visits") == "5 to 7"
    assert bands.of_bin(Bin(10, 16, 1), parts, "currency") == "10.00 to 16.00"
    assert [bands.of_drift(DriftBin(*edges, 1, 1), "days") for edges in ((None, 5), (5, 9), (9, None))] == [
        "up to 5", "above 5 to 9", "above 9",
    ]  # fmt: skip
    assert [bands.of_band(Band(*ends)) for ends in ((1, 1), (4, 5), (101, None))] == ["1", "4–5", "101+"]
    assert bands.apart_of(parts) == "0"
    assert bands.apart_of(Histogram("log", False, 5, 2, [])) == "0 or less"
