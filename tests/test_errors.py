"""The exceptions: each can be shown, and sent to another process."""

from __future__ import annotations

import pickle

import pytest

from customer_features.errors import (
    CustomerFeaturesError,
    DataFaults,
    FoundFault,
    InvalidOption,
    InvalidRequest,
    MissingExtra,
    SourceError,
    did_you_mean,
)

EXCEPTIONS = [
    InvalidOption("window", "'1 moon' is not a window"),
    MissingExtra("building", "bulk"),
    SourceError("x.csv: cannot be read"),
    DataFaults("1 of 2 rows are faulty", {"missing_date": 1}, [FoundFault("x.csv", 2, "missing_date", "no date")], 2),
    InvalidRequest(422, {"title": "Faulty request", "detail": "One fault."}),
]


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_an_exception_survives_pickling(error: CustomerFeaturesError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_what_they_say() -> None:
    assert [str(error) for error in EXCEPTIONS] == [
        "window: '1 moon' is not a window",
        "building needs the 'bulk' extra: pip install 'customer-features[bulk]'",
        "x.csv: cannot be read",
        "1 of 2 rows are faulty\n  missing_date: 1\n  x.csv, row 2: no date [missing_date]",
        "422 Faulty request: One fault.",
    ]


def test_a_hint_is_given_only_where_a_name_is_near() -> None:
    assert did_you_mean("Grian", ["grain", "window"]) == " (did you mean 'grain'?)"
    assert did_you_mean("xyz", ["grain", "window"]) == ""
