"""Every fault of a request by its exact path; malformed bodies; the first hundred and a count."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest

from customer_features import InvalidRequest, answer
from tests.conftest import EXAMPLE


def refusal(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        answer(body)
    return caught.value


def refused(document: Any) -> dict[str, list[str]]:
    """The errors of a faulty document."""
    caught = refusal(json.dumps(document).encode())
    assert caught.status == caught.problem["status"] == 422
    assert caught.problem["type"] == "urn:customer-features:problem:faulty-request"
    assert caught.problem["title"]
    assert "Nothing was computed" in caught.problem["detail"]
    errors: dict[str, list[str]] = caught.problem["errors"]
    return errors


def example(path: str = "", value: Any = None, **keys: Any) -> dict[str, Any]:
    """The contract's example with one value replaced (``...`` takes the key away)."""
    document = {**deepcopy(EXAMPLE), **keys}
    if path:
        *way, last = path.replace("[", ".").replace("]", "").split(".")
        place: Any = document
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        if value is ...:
            del place[last]
        else:
            place[int(last) if last.isdigit() else last] = value
    return document


ROW = "customers[1].transactions[1]"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("customers[1].customer_id", ..., "customer_id is missing"),
        ("customers[1].customer_id", None, "customer_id is missing"),
        ("customers[1].customer_id", "", "customer_id is missing"),
        ("customers[1].customer_id", 7, "customer_id must be a string, found the number 7"),
        ("customers[1].customer_id", "C-1001", "customer_id 'C-1001' is sent twice"),
        ("customers[1].transactions", ..., "customer has no transactions"),
        ("customers[1].transactions", None, "customer has no transactions"),
        ("customers[1].transactions", [], "customer has no transactions"),
        ("customers[1].transactions", {}, "transactions must be an array of objects, found an object"),
        ("customers[1].transactions", "x", "transactions must be an array of objects, found the string 'x'"),
        ("customers[1]", [], "a customer must be an object, found an array"),
        ("customers[1]", None, "a customer must be an object, found null"),
        (ROW, 3, "a transaction must be an object, found the number 3"),
        (f"{ROW}.transaction_id", ..., "transaction_id is missing"),
        (f"{ROW}.transaction_id", "", "transaction_id is missing"),
        (f"{ROW}.transaction_id", True, "transaction_id must be a string, found true"),
        (f"{ROW}.product_id", ..., "product_id is missing"),
        (f"{ROW}.product_id", None, "product_id is missing"),
        (f"{ROW}.product_id", 12, "product_id must be a string, found the number 12"),
        (f"{ROW}.date", ..., "date is missing"),
        (f"{ROW}.date", None, "date is missing"),
        (f"{ROW}.date", "", "date is missing"),
        (f"{ROW}.date", "2023-02-29", "date '2023-02-29' cannot be read"),
        (f"{ROW}.date", "2025-4-1", "date '2025-4-1' cannot be read"),
        (f"{ROW}.date", "20250401", "date '20250401' cannot be read"),
        (f"{ROW}.date", "0000-01-01", "date '0000-01-01' cannot be read"),
        (f"{ROW}.date", "10000-01-01", "date '10000-01-01' cannot be read"),
        (f"{ROW}.date", "infinity", "date 'infinity' cannot be read"),
        (f"{ROW}.date", 20250401, "date '20250401' cannot be read"),
        (f"{ROW}.date", "2025-04-21T10:00:00Z", "is a datetime; give a date, YYYY-MM-DD"),
        (f"{ROW}.date", "2025-04-21 10:00", "is a datetime; give a date, YYYY-MM-DD"),
        (f"{ROW}.date", "2025-04-25", "date 2025-04-25 is after today"),
        (f"{ROW}.amount", ..., "amount is missing"),
        (f"{ROW}.amount", None, "amount is missing"),
        (f"{ROW}.amount", "", "amount is missing"),
        (f"{ROW}.amount", "75.90", "amount must be a number, found the string '75.90'"),
        (f"{ROW}.amount", True, "amount must be a number, found true"),
        (f"{ROW}.amount", [], "amount must be a number, found an array"),
        (f"{ROW}.amount", -0.01, "amount -0.01 is negative"),
        (f"{ROW}.amount", 100000000000.00002, "amount 100000000000.00002 is out of range"),
        (f"{ROW}.amount", 10**11 + 1, "amount 100000000001 is out of range"),
        ("customers[1].loyalty_score", 1.01, "loyalty_score 1.01 is out of range"),
        ("customers[1].loyalty_score", -0.01, "loyalty_score -0.01 is out of range"),
        ("customers[1].loyalty_score", "0.5", "loyalty_score must be a number from 0 to 1, found the string '0.5'"),
        ("customers[1].loyalty_score", True, "loyalty_score must be a number from 0 to 1, found true"),
        ("customers", ..., "customers is missing"),
        ("customers", None, "customers is missing"),
        ("customers", "C-1001", "customers must be an array of objects, found the string 'C-1001'"),
        ("customers", {}, "customers must be an array of objects, found an object"),
        ("today", "24/04/2025", "today '24/04/2025' is not a date"),
        ("today", "2025-04-24T00:00:00", "is a datetime"),
        ("today", 20250424, "today 20250424 is not a date"),
        ("grain", "lines", "grain 'lines' is not one of transaction, line, repeated_total (did you mean 'line'?)"),
        ("future", "ignore", "future 'ignore' is not one of fault, exclude"),
        ("returns", 1, "returns 1 is not one of fault, net"),
        ("window", "a year", "window 'a year' is not a window"),
        ("window", 12, "window 12 is not a window"),
    ],
)
def test_each_fault_stands_under_its_path(path: str, value: Any, says: str) -> None:
    errors = refused(example(path, value))
    assert list(errors) == [path]
    [message] = errors[path]
    assert says in message
    assert "\n" not in message


def test_a_customer_id_sent_twice() -> None:
    document = example()
    document["customers"] += [deepcopy(EXAMPLE["customers"][0]), deepcopy(EXAMPLE["customers"][0])]
    assert list(refused(document)) == ["customers[2].customer_id", "customers[3].customer_id"]


def test_conflicting_orders() -> None:
    rows = [
        {"transaction_id": "1", "date": "2025-04-20", "amount": 5, "product_id": "a"},
        {"transaction_id": "2", "date": "2025-04-20", "amount": 5, "product_id": "a"},
        {"transaction_id": "1", "date": "2025-04-20", "amount": 6, "product_id": "b"},
        {"transaction_id": "2", "date": "2025-04-21", "amount": 5, "product_id": "b"},
    ]
    document = example("customers[0].transactions", rows, grain="repeated_total")
    errors = refused(document)
    assert sorted(errors) == [
        "customers[0].transactions[0].amount",
        "customers[0].transactions[1].date",
        "customers[0].transactions[2].amount",
        "customers[0].transactions[3].date",
    ]
    assert "order '1' has two different totals" in errors["customers[0].transactions[0].amount"][0]
    assert "order '2' has two different dates" in errors["customers[0].transactions[3].date"][0]
    assert answer(json.dumps({**document, "grain": "line"}).encode())


def test_only_returns() -> None:
    row = EXAMPLE["customers"][0]["transactions"][0]
    errors = refused(example("customers[0].transactions", [{**row, "amount": -5}], returns="net"))
    assert list(errors) == ["customers[0].transactions"]
    assert "customer 'C-1001' has nothing but returns" in errors["customers[0].transactions"][0]
    # Nothing but returns is left by the window.
    rows = [{**row, "amount": -5}, {**row, "date": "2020-01-01"}]
    assert "nothing but returns" in str(
        refused(example("customers[0].transactions", rows, returns="net", window="1 month"))
    )
    assert answer(json.dumps(example("customers[0].transactions", rows, returns="net")).encode())


def test_returns_net_still_has_a_lower_limit() -> None:
    errors = refused(example(f"{ROW}.amount", -100000000000.00002, returns="net"))
    assert "out of range" in errors[f"{ROW}.amount"][0]


def test_future_rows_are_no_fault_when_excluded() -> None:
    document = example(f"{ROW}.date", "2025-04-25")
    assert answer(json.dumps({**document, "future": "exclude"}).encode())


def test_faults_before_the_window_are_faults() -> None:
    assert list(refused(example(f"{ROW}.amount", -1, window="1 day"))) == [f"{ROW}.amount"]


def test_every_fault_of_a_document_at_once() -> None:
    document = example("customers[1].loyalty_score", 2, grain="x", today="y")
    document["customers"][0]["transactions"][0] = {"date": "2020-01-01T00:00", "amount": "1", "product_id": 3}
    document["customers"][0]["customer_id"] = "C-1002"
    caught = refusal(json.dumps(document).encode())
    assert list(caught.problem["errors"]) == [
        "today",
        "grain",
        "customers[0].transactions[0].transaction_id",
        "customers[0].transactions[0].product_id",
        "customers[0].transactions[0].date",
        "customers[0].transactions[0].amount",
        "customers[1].customer_id",
        "customers[1].loyalty_score",
    ]
    assert caught.problem["fault_count"] == 8
    assert "8 faults" in caught.problem["detail"]


def test_two_faults_of_one_value_stand_under_one_path() -> None:
    errors = refused(example(f"{ROW}.amount", -1e12))
    assert [message.split(":")[0] for message in errors[f"{ROW}.amount"]] == [
        "amount -1000000000000.0 is out of range",
        "amount -1000000000000.0 is negative",
    ]


def test_the_first_hundred_and_a_count() -> None:
    row = {"transaction_id": "1", "date": "2025-04-20", "amount": -1, "product_id": "a"}
    for count, listed in ((99, 99), (100, 100), (101, 100), (5000, 100)):
        caught = refusal(json.dumps(example("customers[0].transactions", [row] * count)).encode())
        assert len(caught.problem["errors"]) == listed
        assert caught.problem["fault_count"] == count
        assert str(count) in caught.problem["detail"]
        assert ("the first 100 are listed" in caught.problem["detail"]) is (count > 100)
        assert list(caught.problem["errors"])[-1] == f"customers[0].transactions[{listed - 1}].amount"


def test_faults_beyond_the_first_hundred_are_counted_one_by_one() -> None:
    """Rows of the same content are judged once, and counted as often as they stand; alike is not the same."""
    row = {"transaction_id": "T", "date": "2025-04-01", "amount": -1, "product_id": "P"}
    kinds: list[Any] = [
        {},
        7,
        None,
        *({**row, "amount": amount} for amount in (-1, -1.0, True, "1", [], {}, 1e300, None)),
        *({**row, "date": day} for day in ("2025-02-30", 20250401, ["2025-04-01"], "2999-01-01")),
        {"transaction_id": 1, "product_id": True},
        {"transaction_id": True, "product_id": 1},
        {**row, "transaction_id": ""},
    ]

    def count(rows: list[Any]) -> int:
        document = {"today": "2025-04-24", "customers": [{"customer_id": "C", "transactions": rows}]}
        found: int = refusal(json.dumps(document).encode()).problem["fault_count"]
        return found

    many = [kinds[place * 7 % len(kinds)] for place in range(500)]
    written = [(json.loads(text), times) for text, times in Counter(map(json.dumps, many)).items()]
    assert len(written) == len(kinds)
    assert count(many) == sum(count([row]) * times for row, times in written)


def test_long_values_are_cut_in_messages() -> None:
    errors = refused(example(f"{ROW}.date", "x" * 100_000))
    assert len(errors[f"{ROW}.date"][0]) < 300
    errors = refused(example("customers[1].customer_id", {"a": "x" * 100_000}))
    assert len(errors["customers[1].customer_id"][0]) < 300


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b" ", "not JSON"),
        (b"{", "not JSON"),
        (b'{"customers":[]} x', "not JSON"),
        (b"{'customers':[]}", "not JSON"),
        (b'{"customers":[],}', "not JSON"),
        (b"\xff\xfe", "not UTF-8: byte 0 is 0xff"),
        (b'{"customers":[],"x":"\xc3("}', "not UTF-8: byte 21 is 0xc3"),
        (b'\xef\xbb\xbf{"customers":[]}', "byte order mark"),
        (b"[" * 200_000, ""),
        (b'{"customers":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b'{"customers":[{"customer_id":"\\ud800"}]}', "not JSON"),
        (b'{"customers":[{"customer_id":"a\x01"}]}', "not JSON"),
        (b'{"customers":NaN}', "not JSON"),
        (b'{"customers":Infinity}', "not JSON"),
        (b'{"customers":[{"loyalty_score":-Infinity}]}', "not JSON"),
        (b'{"customers":[{"loyalty_score":01}]}', "not JSON"),
        (b'{"customers":[{"loyalty_score":.5}]}', "not JSON"),
        (b"NaN", "not JSON"),
    ],
)
def test_malformed_bodies(body: bytes, says: str) -> None:
    caught = refusal(body)
    assert caught.status == caught.problem["status"] == 400
    assert caught.problem["type"] == "urn:customer-features:problem:malformed-json"
    assert says in caught.problem["detail"]
    assert "\n" not in caught.problem["detail"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[]", "an array"),
        (b"null", "null"),
        (b"3", "the number 3"),
        (b"true", "true"),
        (b"false", "false"),
        (b'"x"', "the string 'x'"),
    ],
)
def test_a_body_that_is_no_object(body: bytes, kind: str) -> None:
    caught = refusal(body)
    assert caught.status == 422
    assert kind in caught.problem["errors"]["$"][0]


@pytest.mark.parametrize("number", ["1e999999", "-1e999999", "9" * 5000, "1" + "0" * 400, "1e309"])
def test_numbers_that_no_double_holds(number: str) -> None:
    body = json.dumps(example(f"{ROW}.amount", "NUMBER")).replace('"NUMBER"', number)
    errors = refusal(body.encode()).problem["errors"]
    assert list(errors) == [f"{ROW}.amount"]
    assert "out of range" in errors[f"{ROW}.amount"][0]
    assert len(errors[f"{ROW}.amount"][0]) < 300
    assert "inf" not in errors[f"{ROW}.amount"][0].replace("infinite", "").replace("finite", "")
    body = json.dumps(example("customers[1].customer_id", "NUMBER")).replace('"NUMBER"', number)
    assert "must be a string" in refusal(body.encode()).problem["errors"]["customers[1].customer_id"][0]


def test_bad_utf8_in_a_key_that_is_skipped() -> None:
    body = json.dumps({**EXAMPLE, "note": "NOTE"}).encode().replace(b"NOTE", b"\xff\xfe")
    assert refusal(body).status == 400


def test_a_lone_surrogate_in_a_key_that_is_skipped() -> None:
    """A value that is never read may hold what no UTF-8 can: answered or refused, but never a crash."""
    body = json.dumps({**EXAMPLE, "note": "NOTE"}).replace("NOTE", "\\ud800").encode()
    try:
        assert answer(body) == answer(json.dumps(EXAMPLE).encode())
    except InvalidRequest as caught:
        assert caught.status == 400  # noqa: PT017
