"""The rows engine: request bytes in, answer bytes out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_features import InvalidRequest, answer
from tests.agreement import oracle
from tests.conftest import EXAMPLE, EXAMPLE_VECTORS, TODAY, examples


def row(transaction_id: str, date: str, amount: float, product_id: str = "p") -> dict[str, Any]:
    return {"transaction_id": transaction_id, "date": date, "amount": amount, "product_id": product_id}


def ask(*customers: tuple[str, list[dict[str, Any]]], **keys: Any) -> dict[str, tuple[float, ...]]:
    document = {
        "today": TODAY,
        **keys,
        "customers": [{"customer_id": name, "transactions": rows} for name, rows in customers],
    }
    answered = json.loads(answer(json.dumps(document).encode()))
    return {one["customer_id"]: tuple(one["features"].values()) for one in answered["customers"]}


def test_the_contracts_example() -> None:
    answered = json.loads(answer(json.dumps(EXAMPLE).encode()))
    assert list(answered) == ["customers"]
    assert [customer["customer_id"] for customer in answered["customers"]] == list(EXAMPLE_VECTORS)
    for customer in answered["customers"]:
        assert list(customer) == ["customer_id", "features"]
        assert list(customer["features"]) == list(oracle.NAMES)
        assert oracle.bits(customer["features"].values()) == oracle.bits(EXAMPLE_VECTORS[customer["customer_id"]])


def test_the_answers_text_is_the_contracts() -> None:
    assert answer(json.dumps(EXAMPLE).encode()) == (
        b'{"customers":[{"customer_id":"C-1001","features":{"purchase_total":918.95,"visit_frequency":2.0,'
        b'"avg_ticket":459.48,"product_diversity":2.0,"loyalty_score":0.97,"recency_days":3.0}},'
        b'{"customer_id":"C-1002","features":{"purchase_total":195.9,"visit_frequency":2.0,"avg_ticket":97.95,'
        b'"product_diversity":2.0,"loyalty_score":0.0,"recency_days":109.0}}]}'
    )


def test_any_buffer_of_bytes() -> None:
    body = json.dumps(EXAMPLE).encode()
    assert answer(bytearray(body)) == answer(memoryview(body)) == answer(body)


@pytest.mark.parametrize("where", ["first", "last", "between"])
@pytest.mark.parametrize("key", [{"window": "10 days"}, {"future": "exclude"}])
def test_options_that_choose_rows_stand_anywhere(key: dict[str, str], where: str) -> None:
    rows = [row("1", "2024-12-31", 1), row("2", "2025-01-12", 2), row("3", "2025-02-01", 4)]
    if "window" in key:
        rows = rows[:2]
    customers = {"customers": [{"customer_id": "c", "transactions": rows}]}
    other = {"x-padding": "x" * 1_000}
    parts = [key, other, customers] if where == "first" else [customers, other, key]
    if where == "between":
        parts = [other, key, customers, {"y-padding": "y" * 1_000}]
    body = {name: value for part in parts for name, value in part.items()} | {"today": "2025-01-15"}
    (answered,) = json.loads(answer(json.dumps(body).encode()))["customers"]
    # In the window the second row alone; before today the first and the second.
    expected = (2.0, 1.0, 2.0, 1.0, 0.0, 3.0) if "window" in key else (3.0, 2.0, 1.5, 1.0, 0.0, 3.0)
    assert tuple(answered["features"].values()) == expected


def test_no_customers_is_an_empty_answer() -> None:
    assert answer(b'{"customers":[]}') == b'{"customers":[]}'


def test_customers_keep_the_requests_order() -> None:
    names = ["z", "a", "é", "Z", "0"]
    assert list(ask(*((name, [row("1", "2025-04-20", 1)]) for name in names))) == names


def test_unknown_keys_are_ignored_at_every_level() -> None:
    document = json.loads(json.dumps(EXAMPLE))
    document["source"] = {"deep": [1, {"x": None}]}
    for customer in document["customers"]:
        customer["segment"] = [[]]
        for transaction in customer["transactions"]:
            transaction["store"] = "Lisboa"
    assert answer(json.dumps(document).encode()) == answer(json.dumps(EXAMPLE).encode())


def test_null_is_as_good_as_absent() -> None:
    document = {**EXAMPLE, "grain": None, "future": None, "returns": None, "window": None}
    assert answer(json.dumps(document).encode()) == answer(json.dumps(EXAMPLE).encode())


def test_the_last_of_a_duplicate_key_counts() -> None:
    good = (
        '{"customer_id":"a","transactions":[{"transaction_id":"1","date":"2025-04-20","amount":%s,"product_id":"p"}]}'
    )
    for amount in ("5,", '"bad"', "-1", "null", "{}"):
        repeated = f'{amount.rstrip(",")},"amount":7'
        body = f'{{"today":"x","today":"{TODAY}","customers":3,"customers":[{good % repeated}]}}'
        assert json.loads(answer(body.encode()))["customers"][0]["features"]["purchase_total"] == 7.0


def test_today_defaults_to_the_day_in_the_timezone() -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        found = []
        for _ in range(2):  # a second try, should midnight pass between the two
            body = b'{"customers":[{"customer_id":"a","transactions":[{"transaction_id":"1","date":"2020-01-01",'
            body += b'"amount":1,"product_id":"p"}]}]}'
            from zoneinfo import ZoneInfo

            expected = (
                datetime.now(UTC).astimezone(ZoneInfo(zone)).date() - datetime(2020, 1, 1, tzinfo=UTC).date()
            ).days
            found.append(
                json.loads(answer(body, timezone=zone))["customers"][0]["features"]["recency_days"] == float(expected)
            )
        assert any(found)


def test_grains() -> None:
    lines = [row("1", "2025-04-20", 10, "a"), row("1", "2025-04-20", 10, "b"), row("2", "2025-04-21", 5, "a")]
    assert ask(("c", lines))["c"][:4] == (25.0, 3.0, 8.33, 2.0)
    assert ask(("c", lines), grain="line")["c"][:4] == (25.0, 2.0, 12.5, 2.0)
    assert ask(("c", lines), grain="repeated_total")["c"][:4] == (15.0, 2.0, 7.5, 2.0)


def test_a_transaction_id_belongs_to_its_customer() -> None:
    found = ask(("a", [row("1", "2025-04-20", 1)]), ("b", [row("1", "2025-04-21", 2)]), grain="repeated_total")
    assert (found["a"][0], found["b"][0]) == (1.0, 2.0)


def test_future_exclude_and_window() -> None:
    rows = [row("1", "2025-04-25", 1), row("2", "2025-04-24", 2), row("3", "2025-03-24", 4), row("4", "2025-03-25", 8)]
    assert ask(("c", rows), future="exclude")["c"][:2] == (14.0, 3.0)
    assert ask(("c", rows), future="exclude", window="1 month")["c"][:2] == (10.0, 2.0)
    assert ask(("c", rows), ("late", [row("1", "2026-01-01", 1)]), future="exclude").keys() == {"c"}
    assert ask(("c", rows[1:]), ("old", [row("1", "2020-01-01", 1)]), window="1 day").keys() == {"c"}


def test_returns_net() -> None:
    rows = [row("1", "2025-04-20", 10, "a"), row("2", "2025-04-23", -4.005, "b")]
    # 5.995 is 6.00 (half up); the return is no visit, no product and no recency.
    assert ask(("c", rows), returns="net")["c"] == (6.0, 1.0, 6.0, 1.0, 0.0, 4.0)
    owing = [row("1", "2025-04-20", 1), row("2", "2025-04-20", -1.005)]
    assert ask(("c", owing), returns="net")["c"][0] == 0.0
    assert str(ask(("c", owing), returns="net")["c"][0]) == "0.0"
    owing = [row("1", "2025-04-20", 1), row("1b", "2025-04-20", 1), row("2", "2025-04-20", -5.03)]
    assert ask(("c", owing), returns="net")["c"][:3] == (-3.03, 2.0, -1.51)  # -1.515 goes up


@pytest.mark.parametrize("order", [1, -1])
def test_the_exact_sum_and_not_the_floats(order: int) -> None:
    amounts = [0.1] * 10 + [1e11, 0.005, 0.01]
    rows = [row(str(place), "2025-04-20", amount) for place, amount in enumerate(amounts)][::order]
    assert ask(("c", rows))["c"][0] == 100000000001.02  # 1.015 beside 10^11


def test_a_hundred_thousand_transactions_in_a_customer() -> None:
    rows = [row(str(place), "2025-04-20", 0.01, str(place % 777)) for place in range(100_000)]
    assert ask(("c", rows))["c"] == (1000.0, 100_000.0, 0.01, 777.0, 0.0, 4.0)
    assert ask(("c", rows), grain="line")["c"] == (1000.0, 100_000.0, 0.01, 777.0, 0.0, 4.0)
    assert ask(("c", rows), grain="repeated_total")["c"] == (1000.0, 100_000.0, 0.01, 777.0, 0.0, 4.0)


STRANGE = [
    "a b",
    " a",
    "a ",
    "00123",
    "123",
    "é",
    "e\u0301",
    "🛒",
    "a\x00b",
    "a\x00",
    "it's",
    '"',
    "a\nb",
    "A",
    "\u2028",
]


def test_strange_ids_are_compared_exactly_and_echoed() -> None:
    rows = [row(strange, "2025-04-20", 1, strange) for strange in STRANGE]
    found = ask(*((strange, rows) for strange in STRANGE), grain="line")
    assert list(found) == STRANGE
    assert {vector[:4] for vector in found.values()} == {(15.0, 15.0, 1.0, 15.0)}


def test_days_at_the_ends_of_the_calendar() -> None:
    rows = [row("1", "0001-01-01", 1)]
    assert ask(("c", rows), today="9999-12-31")["c"][5] == 3652058.0
    assert ask(("c", [row("1", "9999-12-31", 1)]), today="9999-12-31")["c"][5] == 0.0
    assert ask(("c", [row("1", "2024-02-29", 1)]), today="2025-02-28")["c"][5] == 365.0
    assert ask(("c", rows), today="0001-01-01", window="12 months")["c"][5] == 0.0


def test_loyalty_passes_through() -> None:
    scores = [0, 1, 0.1 + 0.2, 5e-324, None]
    document = {
        "today": TODAY,
        "customers": [
            {"customer_id": str(score), "loyalty_score": score, "transactions": [row("1", TODAY, 1)]}
            for score in scores
        ],
    }
    answered = json.loads(answer(json.dumps(document).encode()))["customers"]
    found = [customer["features"]["loyalty_score"] for customer in answered]
    assert oracle.bits(found) == oracle.bits([0.0, 1.0, 0.30000000000000004, 5e-324, 0.0])


def test_no_negative_zero() -> None:
    body = b'{"today":"2025-04-24","customers":[{"customer_id":"a","loyalty_score":-0.0,"transactions":['
    body += b'{"transaction_id":"1","date":"2025-04-24","amount":-0.0,"product_id":"p"}]}]}'
    assert b"-0" not in answer(body).replace(b"2025-04-24", b"")


MAX_UNITS = (2**53 - 1) * 100


def totals(units: int) -> list[dict[str, Any]]:
    """Rows whose units add up to exactly ``units``: as many of 10^11 as it takes, and a rest."""
    whole, rest = divmod(units, 10**15)
    last = 10**15 + rest if whole else rest
    amounts = [1e11] * (whole - 1) + [last // 2 / 10000, (last - last // 2) / 10000]
    assert sum(oracle.units_of(amount) for amount in amounts) == units
    return [row(str(place), TODAY, amount) for place, amount in enumerate(amounts)]


def test_totals_at_the_limit_of_a_double() -> None:
    assert ask(("c", totals(MAX_UNITS + 49)))["c"][0] == 90071992547409.91
    with pytest.raises(InvalidRequest) as caught:
        ask(("c", totals(MAX_UNITS + 50)))
    assert list(caught.value.problem["errors"]) == ["customers[0].transactions"]


def test_sums_past_2_to_63_units() -> None:
    rows = [row(str(place), TODAY, 1e11) for place in range(9300)]  # 9.3e18 units > 2^63
    with pytest.raises(InvalidRequest) as caught:
        ask(("c", rows))
    assert caught.value.status == 422
    [message] = caught.value.problem["errors"]["customers[0].transactions"]
    assert "passes 9007199254740991 cents" in message


documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2025-04-24", "2025-04-25", "line", "net", "exclude", "repeated_total", "1 month", "", "a"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "today",
                    "customers",
                    "grain",
                    "future",
                    "returns",
                    "window",
                    "customer_id",
                    "loyalty_score",
                    "transactions",
                    "transaction_id",
                    "date",
                    "amount",
                    "product_id",
                    "x",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)
nearly_row = st.fixed_dictionaries(
    {},
    optional={
        "transaction_id": st.sampled_from(["1", "2", "", 3, None]) | documents,
        "date": st.sampled_from(["2025-04-24", "2025-04-23", "2025-04-25", "2025-4-1", 20250424]) | documents,
        "amount": st.floats(min_value=-10, max_value=2e11) | st.integers(-3, 10**12) | documents,
        "product_id": st.sampled_from(["p", "q", ""]) | documents,
    },
)
nearly_customer = st.fixed_dictionaries(
    {},
    optional={
        "customer_id": st.sampled_from(["a", "b", "c", "", 1]) | documents,
        "loyalty_score": st.floats(-0.5, 1.5) | documents,
        "transactions": st.lists(nearly_row, max_size=4) | documents,
    },
)
nearly_request = st.fixed_dictionaries(
    {},
    optional={
        "today": st.sampled_from(["2025-04-24", "x", None]) | documents,
        "customers": st.lists(nearly_customer, max_size=4) | documents,
        "grain": st.sampled_from(["transaction", "line", "repeated_total", "x"]) | documents,
        "future": st.sampled_from(["fault", "exclude"]) | documents,
        "returns": st.sampled_from(["fault", "net"]) | documents,
        "window": st.sampled_from(["1 month", "3 days", "x"]) | documents,
    },
)


def only_bytes_or_a_refusal(body: bytes) -> None:
    try:
        answered = answer(body)
    except InvalidRequest as refused:
        problem = refused.problem
        assert refused.status == problem["status"]  # noqa: PT017
        assert refused.status in (400, 422)  # noqa: PT017
        assert problem["detail"].endswith(".")
        assert problem["title"]
        if refused.status == 422:
            assert problem["errors"]
            assert sum(map(len, problem["errors"].values())) == min(problem["fault_count"], 100)
            assert all(message for messages in problem["errors"].values() for message in messages)
        json.dumps(problem, allow_nan=False)
    else:
        for customer in json.loads(answered)["customers"]:
            assert all(type(value) is float for value in customer["features"].values())


@given(documents | nearly_request)
@settings(max_examples=examples(400), deadline=None)
def test_any_document_is_answered_or_refused(document: Any) -> None:
    only_bytes_or_a_refusal(json.dumps(document).encode())
    only_bytes_or_a_refusal(json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=examples(200), deadline=None)
def test_any_bytes_are_answered_or_refused(body: bytes) -> None:
    only_bytes_or_a_refusal(body)


@given(
    st.integers(0, 400), st.sampled_from([b"", b"\x00", b"\xff", b"}", b"]", b'"', b"\\ud800", b",", b"1e999", b"NaN"])
)
@settings(max_examples=examples(200), deadline=None)
def test_a_damaged_example_is_answered_or_refused(place: int, damage: bytes) -> None:
    body = json.dumps(EXAMPLE).encode()
    only_bytes_or_a_refusal(body[:place] + damage + body[place + 1 :])
    only_bytes_or_a_refusal(body[:place] + damage + body[place:])
