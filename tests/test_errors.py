"""The exceptions: each can be shown, and sent to another process."""

from __future__ import annotations

import pickle

import pytest

from customer_features.errors import (
    CustomerFeaturesError,
    DataFaults,
    FaultyRequest,
    FoundFault,
    InvalidOption,
    InvalidRequest,
    MissingExtra,
    ServiceError,
    ServiceUnavailable,
    SourceError,
    Unauthorized,
    did_you_mean,
)

EXCEPTIONS = [
    InvalidOption("window", "'1 moon' is not a window"),
    MissingExtra("building", "bulk"),
    SourceError("x.csv: cannot be read"),
    DataFaults("1 of 2 rows are faulty", {"missing_date": 1}, [FoundFault("x.csv", 2, "missing_date", "no date")], 2),
    InvalidRequest(422, {"title": "Faulty request", "detail": "One fault."}),
    FaultyRequest(422, {"title": "Faulty request", "detail": "Four.", "errors": {"a": ["1", "2"], "b": ["3", "4"]}}),
    Unauthorized(401, {"type": "urn:x", "title": "Unauthorized", "detail": "Who?"}),
    ServiceError("http://x answers 500", 500, {"type": "urn:x"}),
    ServiceUnavailable("http://x: no connection"),
    ServiceUnavailable("http://x answers 503", 503, {"type": "urn:x"}, 2.5),
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
        "422 Faulty request: Four.\n  a: 1\n  a: 2\n  b: 3",
        "401 Unauthorized: Who?",
        "http://x answers 500",
        "http://x: no connection",
        "http://x answers 503",
    ]


def test_what_they_hold() -> None:
    faulty, unauthorized, failed, lost, busy = EXCEPTIONS[-5:]
    assert isinstance(faulty, FaultyRequest)
    assert (faulty.status, faulty.type, faulty.errors["b"], faulty.fault_count) == (422, "", ["3", "4"], 4)
    assert isinstance(unauthorized, InvalidRequest)
    assert (unauthorized.type, unauthorized.errors) == ("urn:x", {})
    assert isinstance(failed, ServiceError)
    assert (failed.status, failed.type) == (500, "urn:x")
    assert isinstance(lost, ServiceUnavailable)
    assert (lost.status, lost.type, lost.problem, lost.retry_after) == (None, "", {}, None)
    assert isinstance(busy, ServiceError)
    assert isinstance(busy, ServiceUnavailable)
    assert busy.retry_after == 2.5


def test_a_hint_is_given_only_where_a_name_is_near() -> None:
    assert did_you_mean("Grian", ["grain", "window"]) == " (did you mean 'grain'?)"
    assert did_you_mean("xyz", ["grain", "window"]) == ""
