"""The contract's nested document as flat text columns."""

from __future__ import annotations

import json

import pytest

from customer_features.errors import SourceError
from customer_features.sources.document import read_document
from tests.conftest import EXAMPLE


def test_the_example_is_flattened() -> None:
    document = read_document(json.dumps(EXAMPLE).encode(), "d.json")
    assert document.stated == {"today": "2025-04-24"}
    assert document.columns == {
        "customer_id": ["C-1001", "C-1001", "C-1002", "C-1002"],
        "loyalty_score": ["0.97", "0.97", None, None],
        "transaction_id": ["T-001", "T-002", "T-004", "T-005"],
        "date": ["2025-04-21", "2025-04-18", "2025-01-05", "2024-12-19"],
        "amount": ["520.55", "398.4", "120.0", "75.9"],
        "product_id": ["P-01", "P-02", "P-10", "P-11"],
    }


def test_numbers_stay_the_text_they_were_sent_as() -> None:
    body = b'{"customers":[{"customer_id":"c","transactions":[{"amount":1.10},{"amount":1E2},{"amount":' + b"9" * 5000
    document = read_document(body + b"}]}]}", "d.json")
    assert document.columns["amount"] == ["1.10", "1E2", "9" * 5000]


def test_options_that_are_null_are_not_stated() -> None:
    body = {"customers": [], "today": None, "grain": "line", "window": "12 months", "other": 1}
    assert read_document(json.dumps(body).encode(), "d").stated == {"grain": "line", "window": "12 months"}


def test_a_customer_without_transactions_gives_a_row() -> None:
    document = read_document(b'{"customers":[{"customer_id":"c"},{"customer_id":"d","transactions":[]}]}', "d")
    assert document.columns["customer_id"] == ["c", "d"]
    assert document.columns["amount"] == [None, None]


def test_of_a_duplicate_key_the_last_counts() -> None:
    body = b'{"customers":[{"customer_id":"a","customer_id":"b","transactions":[{"amount":1,"amount":2}]}]}'
    document = read_document(body, "d")
    assert (document.columns["customer_id"], document.columns["amount"]) == (["b"], ["2"])


def test_a_byte_order_mark_is_no_fault_of_the_data() -> None:
    assert read_document(b"\xef\xbb\xbf" + json.dumps(EXAMPLE).encode(), "d").stated == {"today": "2025-04-24"}


def test_values_of_other_kinds_are_kept_for_the_quarantine() -> None:
    body = (
        b'{"customers":[{"customer_id":7,"transactions":['
        + b'{"amount":true,"date":["2025"],"product_id":{"a":"\xc3\xa9"}}]}]}'
    )
    columns = read_document(body, "d").columns
    assert (columns["customer_id"], columns["amount"], columns["date"]) == (["7"], ["true"], ['["2025"]'])
    assert columns["product_id"] == ['{"a": "é"}']


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"null", "not the contract's document"),
        (b"3", "not the contract's document"),
        (b'"customers"', "not the contract's document"),
        (b"{}", "not the contract's document"),
        (b'{"customers": {}}', "not the contract's document"),
        (b'{"customers": ["c"]}', r"customers\[0\] is not an object"),
        (b'{"customers": [{}, {"transactions": 3}]}', r"customers\[1\]\.transactions is not an array"),
        (b'{"customers": [{"transactions": [{}, null]}]}', r"customers\[0\]\.transactions\[1\] is not an object"),
        (b'{"customers": "\xff"}', "not UTF-8 at byte 15"),
        (b"[" * 200_000, "is not JSON"),
    ],
)
def test_what_is_no_document(body: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=f"^d.json: .*{says}"):
        read_document(body, "d.json")
