"""The contract over a real socket, and every malformed request that the issue lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from customer_features.engines.rows.engine import answer

from .harness import ALIAS, EARLIER, EXAMPLE, ROUTE, Running, assert_common_headers, problem

CONTRACTS_ANSWER = {
    "customers": [
        {
            "customer_id": "C-1001",
            "features": {
                "purchase_total": 918.95,
                "visit_frequency": 2.0,
                "avg_ticket": 459.48,
                "product_diversity": 2.0,
                "loyalty_score": 0.97,
                "recency_days": 3.0,
            },
        },
        {
            "customer_id": "C-1002",
            "features": {
                "purchase_total": 195.9,
                "visit_frequency": 2.0,
                "avg_ticket": 97.95,
                "product_diversity": 2.0,
                "loyalty_score": 0.0,
                "recency_days": 109.0,
            },
        },
    ]
}
ROW = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}


def request(**more: Any) -> bytes:
    return json.dumps({"today": "2025-04-24", "customers": [customer()], **more}).encode()


def customer(**more: Any) -> dict[str, Any]:
    return {"customer_id": "C", "transactions": [ROW], **more}


@pytest.mark.parametrize("path", [ROUTE, ALIAS, EARLIER])
def test_the_contracts_example(server: Running, path: str) -> None:
    reply = server.post(path=path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert_common_headers(reply)
    assert reply.content == answer(EXAMPLE)
    assert reply.json() == CONTRACTS_ANSWER
    # Doubles, in the contract's order, as the contract writes them.
    assert json.dumps(reply.json()) == json.dumps(CONTRACTS_ANSWER)


def test_no_customers_is_an_empty_answer(server: Running) -> None:
    reply = server.post(b'{"customers": []}')
    assert (reply.status_code, reply.content) == (200, b'{"customers":[]}')


def test_a_warning_stands_beside_the_customers(server: Running) -> None:
    reply = server.post(request(customers=[customer(transactions=[ROW, {**ROW, "product_id": "Q"}])]))
    assert reply.status_code == 200
    assert reply.json()["customers"][0]["features"]["visit_frequency"] == 2.0
    assert "repeated_transaction_id" in [warning["name"] for warning in reply.json()["warnings"]]


def test_optional_keys_reach_the_engine(server: Running) -> None:
    rows = [ROW, {**ROW, "amount": -0.5}, {**ROW, "date": "2026-01-01"}, {**ROW, "date": "2020-01-01"}]
    body = request(
        customers=[customer(transactions=rows)], grain="line", future="exclude", returns="net", window="12 months"
    )
    reply = server.post(body)
    assert reply.status_code == 200, reply.text
    features = reply.json()["customers"][0]["features"]
    assert (features["purchase_total"], features["visit_frequency"]) == (1.0, 1.0)


def test_a_large_body_is_answered_like_a_small_one(server: Running) -> None:
    body = request(customers=[customer(customer_id=f"C{n}") for n in range(6000)])
    assert len(body) > 256 * 1024
    reply = server.post(body)
    assert reply.status_code == 200
    assert reply.content == answer(body)


HUGE = "9" * 5000
BAD_JSON = {
    "empty body": (b"", "empty"),
    "cut off": (b'{"customers": [', "truncated"),
    "200,000 brackets": (b"[" * 200_000, "nested too deeply"),
    "200,000 nested objects": (b'{"a":' * 200_000, "nested too deeply"),
    "invalid UTF-8": (b'{"customers": [], "x": "\xff\xfe"}', "not UTF-8"),
    "lone surrogate": (rb'{"customers": [], "x": "\ud800"}', "not JSON"),
    "NaN": (request().replace(b"1.5", b"NaN"), "not JSON"),
    "Infinity": (request().replace(b"1.5", b"Infinity"), "not JSON"),
    "-Infinity": (request().replace(b"1.5", b"-Infinity"), "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + request(), "byte order mark"),
    "two documents": (request() + request(), "not JSON"),
    "plain text": (b"hello", "not JSON"),
}


@pytest.mark.parametrize(("body", "says"), BAD_JSON.values(), ids=BAD_JSON.keys())
def test_req_19_what_is_not_json_answers_400(server: Running, body: bytes, says: str) -> None:
    document = problem(server.post(body), 400, "malformed-json")
    assert says in document["detail"]
    assert "errors" not in document


BAD_SHAPE = {
    "array": (b"[]", "$", "must be a JSON object"),
    "null": (b"null", "$", "found null"),
    "number": (b"7", "$", "found the number 7"),
    "no customers": (b"{}", "customers", "customers is missing"),
    "string for customers": (
        b'{"customers": "C-1"}',
        "customers",
        "must be an array of objects, found the string 'C-1'",
    ),
    "object for customers": (b'{"customers": {}}', "customers", "found an object"),
    "string for a customer": (b'{"customers": ["C-1"]}', "customers[0]", "must be an object"),
    "string for transactions": (
        request(customers=[customer(transactions="x")]),
        "customers[0].transactions",
        "must be an array of objects",
    ),
    "null for a transaction": (
        request(customers=[customer(transactions=[None])]),
        "customers[0].transactions[0]",
        "must be an object, found null",
    ),
    "number for an id": (
        request(customers=[customer(customer_id=7)]),
        "customers[0].customer_id",
        "must be a string, found the number 7",
    ),
    "1e999999": (
        request().replace(b"1.5", b"1e999999"),
        "customers[0].transactions[0].amount",
        "amount 1e999999 is out of range",
    ),
    "5,000-digit number": (
        request().replace(b"1.5", HUGE.encode()),
        "customers[0].transactions[0].amount",
        "out of range",
    ),
    "datetime": (
        request().replace(b"2025-01-01", b"2025-01-01T10:00:00Z"),
        "customers[0].transactions[0].date",
        "datetime",
    ),
    "datetime for today": (request(today="2025-04-24T00:00:00"), "today", "datetime"),
    "misspelled grain": (request(grain="lines"), "grain", "did you mean 'line'?"),
    "unknown window": (request(window="12"), "window", "12 months"),
}


@pytest.mark.parametrize(("body", "path", "says"), BAD_SHAPE.values(), ids=BAD_SHAPE.keys())
def test_what_is_json_of_another_shape_answers_422(server: Running, body: bytes, path: str, says: str) -> None:
    document = problem(server.post(body), 422, "faulty-request")
    assert list(document["errors"]) == [path]
    assert says in document["errors"][path][0]
    assert len(json.dumps(document)) < 1000


def test_of_a_duplicate_key_the_last_one_counts(server: Running) -> None:
    body = request().replace(b'"amount": 1.5', b'"amount": "x", "amount": 2.5')
    assert server.post(body).json()["customers"][0]["features"]["purchase_total"] == 2.5
    body = request().replace(b'"amount": 1.5', b'"amount": 2.5, "amount": -1')
    document = problem(server.post(body), 422, "faulty-request")
    assert list(document["errors"]) == ["customers[0].transactions[0].amount"]


def test_faults_beyond_a_hundred_are_counted(server: Running) -> None:
    body = request(customers=[customer(customer_id=f"C{n}", loyalty_score=2) for n in range(250)])
    document = problem(server.post(body), 422, "faulty-request")
    assert len(document["errors"]) == 100
    assert "250 faults" in document["detail"]


@pytest.mark.parametrize(
    ("content_type", "says"),
    [
        ("", "Content-Type is missing"),
        ("text/plain", "must be application/json"),
        ("application/x-www-form-urlencoded", "must be application/json"),
        ("application/jsonp", "must be application/json"),
        ("application/json; charset=latin-1", "charset utf-8"),
    ],
)
def test_req_20_another_content_type_answers_415(server: Running, content_type: str, says: str) -> None:
    document = problem(server.post(Content_Type=content_type), 415, "unsupported-media-type")
    assert says in document["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_json_in_utf8_however_it_is_written_is_taken(server: Running, content_type: str) -> None:
    assert server.post(Content_Type=content_type).status_code == 200


@pytest.mark.parametrize("path", [ROUTE, ALIAS, EARLIER])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_another_method_answers_405(server: Running, path: str, method: str) -> None:
    # Before credentials, which are not sent here.
    reply = server.request(method, path)
    document = problem(reply, 405, "method-not-allowed", path)
    assert reply.headers["allow"] == "POST"
    assert "POST" in document["detail"]


def test_a_read_only_path_names_its_methods(server: Running) -> None:
    reply = server.request("POST", "/health")
    problem(reply, 405, "method-not-allowed", "/health")
    assert {"GET", "HEAD"} <= set(reply.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/", "/api", "/api/v2/ai/customer_features", "/docs/x", "/schema", "/favicon.ico"])
def test_an_unknown_path_answers_404(server: Running, path: str) -> None:
    document = problem(server.get(path), 404, "not-found", path)
    assert ROUTE in document["detail"]
    assert problem(server.request("POST", path), 404, "not-found", path) == document


def test_a_path_with_odd_characters_is_quoted(server: Running) -> None:
    reply = server.get('/%0d%0aX-Evil:1/%ff"<script>')
    assert reply.status_code == 404
    assert "x-evil" not in reply.headers
    assert set('"<>\r\n ').isdisjoint(reply.json()["instance"])


def test_health_needs_no_credentials(server: Running) -> None:
    reply = server.get("/health")
    assert (reply.status_code, reply.content) == (200, b'{"status":"ok"}')
    assert_common_headers(reply)
    assert server.get("/ready").json() == {"status": "ready"}
    assert server.request("HEAD", "/health").status_code == 200


def test_the_order_of_checks(server: Running) -> None:
    huge = {"Content-Length": str(2**40)}
    wrong = {"X_Secret": "nonsense"}
    # 401 before 415, 415 before 413, 413 before 400.
    assert server.post(b"{", Content_Type="text/plain", **wrong).status_code == 401
    reply = server.raw(
        server.head(None).replace(b"application/json", b"text/plain") + b"Content-Length: %d\r\n\r\n" % 2**40
    )
    assert reply.startswith(b"HTTP/1.1 415 ")
    reply = server.raw(server.head(int(huge["Content-Length"])) + b"\r\n")
    assert reply.startswith(b"HTTP/1.1 413 ")
