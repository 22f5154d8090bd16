"""Customers in pieces: how they are written, where they are cut, and what is joined again."""

from __future__ import annotations

import json
from collections import UserDict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from customer_features import FaultyRequest, SourceError
from customer_features.client.joining import Joined, refuse_duplicates
from customer_features.client.pieces import Piece, Pieces, as_json


def taken(customers: list[Any], max_bytes: int = 10**6, max_customers: int = 10**6) -> list[Piece]:
    pieces = Pieces(customers, max_bytes, max_customers)
    found = []
    while (piece := pieces.take()) is not None:
        found.append(piece)
    return found


def test_one_piece_is_whole() -> None:
    (piece,) = taken([{"a": 1}, {"b": 2}])
    assert piece.whole
    assert json.loads(piece.body({"today": "2025-04-24"})) == {
        "today": "2025-04-24",
        "customers": [{"a": 1}, {"b": 2}],
    }
    (piece,) = taken([])
    assert piece.whole
    assert piece.body({}) == b'{"customers":[]}'


def test_cut_by_count() -> None:
    pieces = taken([{"n": n} for n in range(7)], max_customers=3)
    assert [(piece.start, len(piece.customers), piece.whole) for piece in pieces] == [
        (0, 3, False),
        (3, 3, False),
        (6, 1, False),
    ]


def test_cut_by_bytes() -> None:
    customers = [{"n": "x" * n} for n in (10, 10, 300, 10, 10)]
    pieces = taken(customers, max_bytes=60)
    assert [(piece.start, len(piece.customers)) for piece in pieces] == [(0, 2), (2, 1), (3, 2)]
    assert [piece.size <= 60 for piece in pieces] == [True, False, True]  # one that is larger alone goes alone
    assert b"".join(b"".join(piece.customers) for piece in pieces) == b"".join(
        as_json(one, place) for place, one in enumerate(customers)
    )
    exactly = len(b'{"n":1},') * 3 - 1
    assert [len(piece.customers) for piece in taken([{"n": 1}] * 6, max_bytes=exactly)] == [3, 3]


def test_halves_take_the_place_of_their_piece() -> None:
    pieces = Pieces([{"n": n} for n in range(10)], 10**6, 6)
    first = pieces.take()
    assert first is not None
    pieces.halve(first)
    left = pieces.take()
    assert left is not None
    assert (left.start, len(left.customers), left.whole) == (0, 3, False)
    pieces.halve(left)
    rest = []
    while (piece := pieces.take()) is not None:
        rest.append((piece.start, len(piece.customers)))
    # What comes later, the other half too, is cut no larger than what was taken.
    assert rest == [(0, 1), (1, 2), (3, 1), (4, 2), (6, 2), (8, 2)]


@dataclass
class Bought:
    customer_id: str
    amount: float


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2025, 4, 24), '"2025-04-24"'),
        (datetime(2025, 4, 24, 10), '"2025-04-24T10:00:00"'),  # noqa: DTZ001 - the service says that it is a fault
        (pd.Timestamp("2025-04-24"), '"2025-04-24T00:00:00"'),
        (Decimal("520.5500"), "520.5500"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7"),
        (np.str_("é"), '"é"'),
        (np.array([1, 2]), "[1,2]"),
        (pd.NA, "null"),
        (pd.NaT, "null"),
        (float("nan"), "null"),
        (float("inf"), "1e999"),
        (-np.inf, "-1e999"),
        ([None, float("inf")], "[null,1e999]"),
        (Decimal("-Infinity"), "-1e999"),
        (Decimal("NaN"), "null"),
        (UserDict(a=1), '{"a":1}'),
        (Bought("a", 1.5), '{"customer_id":"a","amount":1.5}'),
        ("null NaN Infinity", '"null NaN Infinity"'),
        ([None, "info"], '[null,"info"]'),
        (10**30, "1" + "0" * 30),
    ],
)
def test_values_as_json(value: Any, written: str) -> None:
    assert as_json({"a": value}, 0).decode() == f'{{"a":{written}}}'


def endless() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "a value of type object cannot be written as JSON"),
        (complex(1, 2), "a value of type complex cannot be written"),
        ("\ud800", "it holds text that is not valid Unicode"),
        (endless(), "it is nested too deeply"),
        ({("a", "b"): 1}, "type tuple cannot be written"),
    ],
)
def test_what_is_no_json(value: Any, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        as_json({"a": value}, 17)
    assert str(caught.value).startswith("customers[17]: ")
    assert str(caught.value).endswith("; a customer is a dict, as in the contract")


def test_a_customer_twice_is_refused_with_all_its_places() -> None:
    refuse_duplicates(["a", None, None, "", "", 5, 5, "b", "A"])
    with pytest.raises(FaultyRequest) as caught:
        refuse_duplicates(["a", "b", "a", "c", "b", "x" * 70, "x" * 70])
    assert list(caught.value.errors) == [f"customers[{place}].customer_id" for place in (2, 4, 6)]
    assert "'" + "x" * 59 + "…'" in str(caught.value)
    with pytest.raises(FaultyRequest) as caught:
        refuse_duplicates(["a"] * 251)
    assert (len(caught.value.errors), caught.value.fault_count) == (100, 250)
    assert "The request has 250 faults; the first 100 are listed." in str(caught.value)


def refusal(count: int, start: int = 0) -> FaultyRequest:
    errors = {f"customers[{n + start}].customer_id": ["wrong"] for n in range(min(count, 100))}
    return FaultyRequest(422, {"title": "Faulty request", "errors": errors, "fault_count": count})


def test_paths_speak_of_the_whole_list() -> None:
    joined = Joined()
    joined.refuse(refusal(1), 0)
    joined.add({"customers": []})
    joined.refuse(refusal(2), 1000)
    assert not joined.full
    with pytest.raises(FaultyRequest) as caught:
        joined.answer(True, str)
    assert list(caught.value.errors) == [f"customers[{place}].customer_id" for place in (0, 1000, 1001)]
    assert caught.value.problem["detail"] == "The request has 3 faults. Nothing was computed."
    joined.refuse(refusal(500), 5000)
    assert joined.full
    with pytest.raises(FaultyRequest) as caught:
        joined.answer(False, str)
    assert len(caught.value.errors) == 100
    assert caught.value.fault_count == 503
    assert "The request has at least 503 faults; the first 100 are listed." in str(caught.value)


def test_warnings_are_joined_up_to_a_hundred() -> None:
    def warning(name: str, customer_id: str | None) -> Any:
        return {"name": name, "customer_id": customer_id, "message": "m"}

    joined = Joined()
    for part in "ab":
        joined.add(
            {
                "customers": [{"customer_id": part, "features": {}}],
                "warnings": [
                    warning("looks_like_repeated_totals", None),
                    *(warning("w", f"{part}{n}") for n in range(70)),
                ],
            }
        )
    answer = joined.answer(True, str)
    assert [vector["customer_id"] for vector in answer["customers"]] == ["a", "b"]
    found = [(one["name"], one["customer_id"]) for one in answer["warnings"]]
    assert len(found) == 100
    assert found[:3] == [("looks_like_repeated_totals", None), ("w", "a0"), ("w", "a1")]
    assert found[71] == ("w", "b0")
