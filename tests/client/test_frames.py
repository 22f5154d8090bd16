"""Dataframes through the service: the same kind out, and the very bits of ``build``."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import customer_features
from customer_features import ColumnError, FaultyRequest, InvalidOption, ServiceError, SourceError
from tests.agreement.doors import FRAMES, table, to_arrow, vectors_of
from tests.agreement.oracle import Row
from tests.conftest import TODAY, example_columns
from tests.frames.test_kinds import purchases, same_kind
from tests.service.harness import Running
from tests.test_architecture import python

from .scripted import Ask, Says, Scripted, asynchronous

pytestmark = pytest.mark.filterwarnings(
    "ignore::customer_features.Suspicious", "ignore:.*Dask support is moving out of Narwhals:FutureWarning"
)

NOW = date.fromisoformat(TODAY)
SMALL = {"max_customers": 3}
OPTIONS: list[dict[str, Any]] = [
    {"future": "exclude", "returns": "net"},
    {"future": "exclude", "returns": "net", "grain": "line", "window": "12 months"},
    {"future": "exclude", "returns": "net", "grain": "repeated_total"},
]


def same(found: Any, expected: Any) -> None:
    assert vectors_of(to_arrow(found)) == vectors_of(to_arrow(expected))
    assert list(vectors_of(to_arrow(found))) == list(vectors_of(to_arrow(expected)))
    assert to_arrow(found).column_names == to_arrow(expected).column_names


FAST = ("pyarrow", "pandas", "polars lazy", "duckdb", "arrow stream")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "kind", [kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in FRAMES]
)
def test_every_kind_as_build(trial: Running, kind: str) -> None:
    rows, make = table(purchases()), FRAMES[kind]
    with customer_features.Client(trial.url, **SMALL) as client:
        found = client.customer_features(make(rows), TODAY, **OPTIONS[1])
    given = make(rows)
    assert same_kind(found, given)
    same(found, customer_features.build(make(rows), today=TODAY, **OPTIONS[1]))


@pytest.mark.parametrize("options", OPTIONS)
def test_all_options_as_build(trial: Running, options: dict[str, Any]) -> None:
    rows = table(purchases(11))
    found = asynchronous(trial.url, rows, TODAY, client=SMALL, **options)
    same(found, customer_features.build(rows, today=TODAY, **options))


def test_frames_of_today_are_those_of_build(trial: Running) -> None:
    frame = pd.DataFrame(example_columns())
    with customer_features.Client(trial.url, max_customers=1) as client:
        pd.testing.assert_frame_equal(client.customer_features(frame), customer_features.build(frame))
        zone = "Pacific/Kiritimati"
        pd.testing.assert_frame_equal(
            client.customer_features(frame, timezone=zone), customer_features.build(frame, timezone=zone)
        )
        none = client.customer_features(frame.head(0), TODAY)
        pd.testing.assert_frame_equal(none, customer_features.build(frame.head(0), today=TODAY))
        wide = pl.DataFrame(example_columns())
        assert client.customer_features(wide, TODAY).equals(customer_features.build(wide, today=TODAY))


def decimals(places: int, seed: int) -> pa.Table:
    """Amounts of more digits than are kept, many of them at the very half."""
    chance = random.Random(seed)
    rows = []
    for n in range(400):
        tail = chance.choice(
            ["5" + "0" * (places - 5), "4" + "9" * (places - 5), "".join(chance.choices("0123456789", k=places - 4))]
        )
        sign = chance.choice(["", "", "-"])
        rows.append(
            (
                f"c{n % 9}",
                Decimal(
                    f"{sign}{chance.randrange(10 ** chance.choice([1, 4, 10]))}.{chance.randrange(10**4):04}{tail}"
                ),
            )
        )
    rows += [(f"c{n}", Decimal(1)) for n in range(9)]
    rows += [("c0", Decimal("-0." + "0" * (places - 1) + "1")), ("c1", Decimal("-0.00005"))]
    return pa.table(
        {
            "customer_id": [customer for customer, _ in rows],
            "transaction_id": [f"T{n}" for n in range(len(rows))],
            "date": [date(2025, 1, 1)] * len(rows),
            "amount": pa.array([amount for _, amount in rows], pa.decimal128(30, places)),
            "product_id": [f"P{n % 5}" for n in range(len(rows))],
        }
    )


@pytest.mark.parametrize("places", [5, 17])
def test_decimals_keep_their_exact_rounding(trial: Running, places: int) -> None:
    rows = decimals(places, places)
    with customer_features.Client(trial.url) as client:
        found = client.customer_features(rows, TODAY, returns="net")
    same(found, customer_features.build(rows, today=TODAY, returns="net"))


def test_columns_types_and_instants_as_build(trial: Running) -> None:
    frame = pl.DataFrame(
        {
            "household": [7, 7, 12345678901],
            "order_no": [1, 2, 3],
            "when": [dt.datetime(2025, 4, 1, 23, 30, tzinfo=dt.UTC)] * 3,
            "price": ["1.005", "2.5", "3"],
            "quantity": [3, 1, 2],
            "sku": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
            "loyalty": [0.25, None, 0.5],
        }
    )
    asked: dict[str, Any] = {
        "columns": {"customer_id": "household", "date": "when", "amount": "CAST(price AS DOUBLE) * quantity"},
        "timezone": "Europe/Helsinki",
    }
    with customer_features.Client(trial.url) as client:
        found = client.customer_features(frame, TODAY, **asked)
    assert found.equals(customer_features.build(frame, today=TODAY, **asked))
    assert found["recency_days"].to_list() == [22.0, 22.0]


def test_scores_as_build(trial: Running) -> None:
    rows = table([Row(name, f"T{n}", NOW - timedelta(days=40 * n), 1.0, "p") for name in "abc" for n in range(3)])
    scores = pl.DataFrame({"customer": ["a", "b", "z"], "loyalty_score": [0.5, 1.0, 0.1]})
    # A score that stands only in rows which the window leaves out is none.
    column = rows.append_column("loyalty_score", pa.array([0.5, None, None, None, None, 0.7, None, 0.2, 0.3]))
    with customer_features.Client(trial.url, max_customers=2) as client:
        same(
            client.customer_features(rows, TODAY, loyalty=scores),
            customer_features.build(rows, today=TODAY, loyalty=scores),
        )
        for today in (TODAY, None):
            same(
                client.customer_features(column, today, window="60 days"),
                customer_features.build(column, today=today, window="60 days"),
            )
        expected = "customer 'c' has two different loyalty scores: allowed is one for each customer"
        with pytest.raises(FaultyRequest) as caught:
            client.customer_features(column, TODAY)
        assert caught.value.errors == {"customers['c'].loyalty_score": [expected]}
        with pytest.raises(FaultyRequest) as caught:
            client.customer_features(rows, TODAY, loyalty=scores.with_columns(loyalty_score=pl.lit(7)))
        assert list(caught.value.errors) == ["customers['a'].loyalty_score", "customers['b'].loyalty_score"]
        assert "loyalty_score 7 is out of range" in str(caught.value)


def test_faults_name_the_rows_of_the_frame(trial: Running, ask: Ask) -> None:
    columns: dict[str, list[Any]] = {
        "customer_id": ["z", "a", None, "z", "", "a", "m"],
        "transaction_id": ["T1", None, "T3", "T4", "T5", "T6", "T7"],
        "date": ["2025-04-01", "2025-02-30", "2025-04-01", "01/04/2025", "2025-04-01", "", "2052-01-01"],
        "amount": ["1", "2", "3", "-1", "4", "1,50", "inf"],
        "product_id": ["p", "", "p", "p", "p", "p", "p"],
    }
    with pytest.raises(FaultyRequest) as caught:
        ask(trial.url, pl.DataFrame(columns), TODAY, client={"max_customers": 2})
    errors = caught.value.errors
    assert sorted(errors) == [
        "transactions[1].date",
        "transactions[1].product_id",
        "transactions[1].transaction_id",
        "transactions[2].customer_id",
        "transactions[3].amount",
        "transactions[3].date",
        "transactions[4].customer_id",
        "transactions[5].amount",
        "transactions[5].date",
        "transactions[6].amount",
        "transactions[6].date",
    ]
    assert caught.value.fault_count == 11
    assert "'2025-02-30'" in errors["transactions[1].date"][0]
    assert "found the string '1,50'" in errors["transactions[5].amount"][0]
    assert "inf is out of range" in errors["transactions[6].amount"][0].replace("1e999", "inf")
    faulty = customer_features.check(pl.DataFrame(columns), today=TODAY)
    assert {int(path[13]) + 1 for path in errors} == set(faulty["row_number"])


def test_a_customer_of_returns_alone_is_named(trial: Running) -> None:
    rows = table([Row("a", "1", NOW, 1.0, "p"), Row("it's", "2", NOW, -1.0, "p")])
    with (
        customer_features.Client(trial.url) as client,
        pytest.raises(FaultyRequest, match="has nothing but returns") as caught,
    ):
        client.customer_features(rows, TODAY, returns="net")
    assert list(caught.value.errors) == ['customers["it\'s"].transactions']


@pytest.mark.parametrize(
    ("given", "options", "error", "said"),
    [
        (5, {}, SourceError, "customers: found int; allowed are a list of customers, and the dataframes of"),
        ({"customers": []}, {}, SourceError, "found one dict; .* give document\\['customers'\\]"),
        ({"customer_id": "a"}, {}, SourceError, "found one dict; .* put it into a list"),
        ("x.csv", {}, SourceError, "found str; allowed are a list of customers or a dataframe"),
        (None, {}, SourceError, "found NoneType"),
        (pl.DataFrame({"a": [1]}), {}, ColumnError, "no column was recognised as customer_id"),
        (pl.DataFrame(example_columns()), {"columns": {"amuont": "x"}}, InvalidOption, "did you mean 'amount'"),
        ([], {"columns": {"amount": "x"}}, InvalidOption, "columns: is for dataframes"),
        ([], {"loyalty": 1}, InvalidOption, "loyalty: is for dataframes"),
        ([], {"grain": "lin"}, InvalidOption, "grain: 'lin' is not one of .* .did you mean 'line'"),
        ([], {"window": "1 moon"}, InvalidOption, "window: '1 moon' is not a window"),
        ([], {"today": "24.04.2025"}, InvalidOption, "today: '24.04.2025' is not a date"),
        ([], {"today": [TODAY]}, InvalidOption, "today: .* is not a date; give YYYY-MM-DD"),
        ([], {"timezone": "CET5"}, InvalidOption, "timezone: 'CET5'"),
        ([], {"progress": "yes"}, InvalidOption, "progress: 'yes' is neither True, False nor a function"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    ask: Ask, given: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        ask("http://127.0.0.1:9", given, **options)


def test_a_lazy_frame_is_asked_about_once(trial: Running) -> None:
    with customer_features.Client(trial.url) as client:
        found = client.customer_features(pl.LazyFrame(example_columns()), TODAY)
    # The client is closed, the answer is here.
    assert isinstance(found, pl.LazyFrame)
    assert found.collect()["avg_ticket"].to_list() == [459.48, 97.95]
    connection = duckdb.connect()
    relation = connection.from_arrow(pa.table(example_columns()))
    with customer_features.Client(trial.url) as client:
        found = client.customer_features(relation, TODAY)
    assert found.set_alias("found").join(relation, "customer_id").aggregate("COUNT(*)").fetchall() == [(4,)]


def test_vectors_without_a_feature_are_no_answer(scripted: Callable[..., Scripted], ask: Ask) -> None:
    server = scripted(Says(200, b'{"customers":[{"customer_id":"a","features":{"purchase_total":1.0}}]}'))
    with pytest.raises(ServiceError, match="vectors without some of the features purchase_total, visit_frequency"):
        ask(server.url, table([Row("a", "1", NOW, 1.0, "p")]), TODAY)


def test_lists_need_no_dataframe_library() -> None:
    code = """
from customer_features import Client, MissingExtra
client = Client("http://127.0.0.1:9", tries=1)
for customers in ([{"customer_id": "a"}], 5):
    try: client.customer_features(customers)
    except Exception as error: print(type(error).__name__, error)
"""
    ran = python(code, "duckdb", "pyarrow", "numpy", "sqlglot", "pandas", "polars")
    assert ran.stdout.splitlines() == [
        "ServiceUnavailable http://127.0.0.1:9: no connection: Connection refused",
        "MissingExtra sending dataframes needs the 'bulk' extra: pip install 'customer-features[bulk]'",
    ], ran.stderr


@pytest.mark.parametrize(
    ("count", "customers"),
    [
        pytest.param(100_000, 15_000, marks=pytest.mark.slow),  # two requests, by their customers and by their bytes
        pytest.param(500_000, 50_000, marks=pytest.mark.thorough),
    ],
)
def test_many_rows_as_build(count: int, customers: int, trial: Running) -> None:
    chance = random.Random(3)
    rows = [
        Row(
            f"c{chance.randrange(customers)}",
            f"T{n}",
            date(2025, 1, 1) + timedelta(days=n % 90),
            chance.randrange(10**7) / 200,
            f"p{n % 97}",
        )
        for n in range(count)
    ]
    frame = table(rows)
    with customer_features.Client(trial.url) as client:
        same(client.customer_features(frame, TODAY), customer_features.build(frame, today=TODAY))
