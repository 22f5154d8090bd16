"""The Python door: every kind of frame in, the same kind out, the same bits."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import customer_features
from customer_features import (
    ColumnError,
    DataFaults,
    FaultsQuarantined,
    InvalidOption,
    SourceError,
    Suspicious,
    build,
    check,
)
from tests.agreement import oracle

from .conftest import EXAMPLE_VECTORS, FIELDS, TODAY, example_columns

Make = Callable[[dict[str, list[Any]]], Any]

KINDS: dict[str, Make] = {
    "pyarrow": pa.table,
    "pandas": pd.DataFrame,
    "polars": lambda columns: pl.DataFrame(columns, strict=False),
    "duckdb": lambda columns: duckdb.connect().from_arrow(pa.table(columns)),
}


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """The rows of any kind of frame as plain values."""
    if isinstance(frame, pa.Table):
        return list(frame.to_pylist())
    if isinstance(frame, pl.DataFrame):
        return list(frame.to_dicts())
    if isinstance(frame, pd.DataFrame):
        return list(frame.to_dict("records"))
    return list(frame.to_arrow_table().to_pylist())


@pytest.fixture(params=list(KINDS))
def make(request: pytest.FixtureRequest) -> Make:
    return KINDS[request.param]


def columns(*rows: tuple[Any, ...]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(FIELDS)}


def test_the_contracts_example(make: Make) -> None:
    frame = make(example_columns())
    built = build(frame, today=TODAY)
    assert type(built) is type(frame)
    rows = rows_of(built)
    assert [tuple(row) for row in rows] == [("customer_id", *oracle.NAMES)] * 2
    assert [row.pop("customer_id") for row in rows] == list(EXAMPLE_VECTORS)
    for row, expected in zip(rows, EXAMPLE_VECTORS.values(), strict=True):
        assert oracle.bits(row.values()) == oracle.bits(expected)


def test_types_of_each_kind() -> None:
    assert pd.api.types.is_string_dtype(build(pd.DataFrame(example_columns()), today=TODAY)["customer_id"])
    assert set(build(pd.DataFrame(example_columns()), today=TODAY).dtypes[1:].astype(str)) == {"float64"}
    schema = build(pl.DataFrame(example_columns()), today=TODAY).schema
    assert list(schema.dtypes()) == [pl.String, *[pl.Float64] * 6]
    table = build(pa.table(example_columns()), today=TODAY)
    assert table.schema.types == [pa.string(), *[pa.float64()] * 6]


def test_check_returns_the_faulty_rows_as_they_were(make: Make) -> None:
    frame = make(
        columns(
            ("a", "1", "2025-04-20", 1.0, "p"),
            ("a", "2", "2025-04-31", 2.0, "p"),
            ("", "3", "2025-04-20", -3.0, "p"),
        )
    )
    found = check(frame, today=TODAY)
    assert type(found) is type(frame)
    rows = rows_of(found)
    assert [tuple(row) for row in rows] == [("row_number", "fault", "faults", "message", *FIELDS)] * 2
    assert [row["row_number"] for row in rows] == [2, 3]
    assert [row["fault"] for row in rows] == ["unreadable_date", "missing_customer_id"]
    assert [row["faults"] for row in rows] == ["unreadable_date", "missing_customer_id,negative_amount"]
    assert [row["amount"] for row in rows] == [2.0, -3.0]
    assert "'2025-04-31' cannot be read" in rows[0]["message"]


def test_check_of_clean_data_is_empty(make: Make) -> None:
    assert rows_of(check(make(example_columns()), today=TODAY)) == []


def test_build_raises_with_counts_and_rows(make: Make) -> None:
    frame = make(columns(("a", "1", "2025-04-20", 1.0, "p"), ("a", "2", "2052-04-20", 2.0, "p")))
    with pytest.raises(DataFaults) as caught:
        build(frame, today=TODAY)
    assert caught.value.counts == {"future_date": 1}
    assert caught.value.rows == 2
    [found] = caught.value.found
    assert (found.source, found.row_number, found.fault) == ("transactions", 2, "future_date")
    assert str(found).startswith("transactions, row 2: date 2052-04-20 is after today")


def test_quarantine_leaves_out_and_counts_once(make: Make) -> None:
    frame = make(columns(("a", "1", "2025-04-20", 1.0, "p"), ("b", "2", "x", 2.0, "p"), ("", "2", "x", 2.0, "p")))
    with pytest.warns(FaultsQuarantined) as caught:
        built = build(frame, today=TODAY, on_fault="quarantine", max_faults=0.9)
    assert [row["customer_id"] for row in rows_of(built)] == ["a"]
    assert len(caught) == 1
    assert "2 of 3 rows are faulty" in str(caught[0].message)
    assert "missing_customer_id: 1, unreadable_date: 1" in str(caught[0].message)
    assert caught[0].filename == __file__
    with pytest.raises(DataFaults, match="allowed by max_faults"):
        build(frame, today=TODAY, on_fault="quarantine")


def test_what_is_suspicious_is_a_warning() -> None:
    frame = pa.table(columns(("a", "1", "2025-04-20", 1.0, "p"), ("a", "1", "2025-04-20", 2.0, "q")))
    with pytest.warns(Suspicious, match="repeated_transaction_id: .*'1' of customer 'a' stands 2 times"):
        build(frame, today=TODAY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(frame, today=TODAY, grain="line")


def test_columns_are_mapped_to_names_and_expressions(make: Make) -> None:
    frame = make({"who": ["a"], "order_id": ["1"], "when": ["2025-04-20"], "price": [2.5], "qty": [3], "sku": ["p"]})
    mapping = {"customer_id": "who", "date": "when", "amount": "price * qty"}
    [row] = rows_of(build(frame, columns=mapping, today=date(2025, 4, 24)))
    assert (row["customer_id"], row["purchase_total"], row["recency_days"]) == ("a", 7.5, 4.0)


def test_expressions_over_text() -> None:
    frame = pa.table(
        {"customer_id": ["a"], "order_id": ["1"], "date": ["2025-04-20"], "p": ["2.5"], "q": ["3"], "sku": ["x"]}
    )
    assert build(frame, columns={"amount": "p*q"}, today=TODAY)["purchase_total"].to_pylist() == [7.5]


def test_loyalty_may_be_another_kind_of_frame(make: Make) -> None:
    transactions = pa.table(columns(("a", "1", "2025-04-20", 1.0, "p"), ("b", "1", "2025-04-20", 1.0, "p")))
    scores = make({"customer_id": ["a"], "loyalty_score": [0.25]})
    assert build(transactions, loyalty=scores, today=TODAY)["loyalty_score"].to_pylist() == [0.25, 0.0]


def test_ids_of_pandas_that_became_floats() -> None:
    frame = pd.DataFrame(columns((7, "1", "2025-04-20", 1.0, "p"), (None, "2", "2025-04-20", 1.0, "p")))
    assert str(frame["customer_id"].dtype) == "float64"
    with pytest.raises(DataFaults) as caught:
        build(frame, today=TODAY)
    assert caught.value.counts == {"missing_customer_id": 1}
    assert build(frame[:1], today=TODAY)["customer_id"].tolist() == ["7"]


@pytest.mark.filterwarnings("ignore::customer_features.frames.Suspicious")
def test_categories_and_objects_of_pandas() -> None:
    frame = pd.DataFrame(columns(("00123", "1", "2025-04-20", 1.5, "p"), ("é", "1", "2025-04-21", 2.5, "p")))
    expected = build(pa.table(frame.to_dict("list")), today=TODAY).to_pylist()
    for name in ("customer_id", "transaction_id", "product_id", "date"):
        assert build(frame.astype({name: "category"}), today=TODAY).to_dict("records") == expected
    decimals = frame.assign(amount=[Decimal("1.5"), Decimal("2.5")])
    assert build(decimals, today=TODAY).to_dict("records") == expected
    for days in (pd.to_datetime(frame["date"]), [date(2025, 4, 20), date(2025, 4, 21)]):
        assert build(frame.assign(date=days), today=TODAY).to_dict("records") == expected
    assert build(frame.set_index(pd.Index([5, 5])), today=TODAY).to_dict("records") == expected


def test_categories_and_decimals_of_polars() -> None:
    frame = pl.DataFrame(columns(("00123", "1", "2025-04-20", "1.005", "p"), ("é", "1", "2025-04-21", "2.5", "p")))
    expected = build(frame, today=TODAY).to_dicts()
    assert expected[0]["purchase_total"] == 1.01
    as_category = frame.with_columns(pl.col("customer_id", "product_id", "transaction_id").cast(pl.Categorical))
    assert build(as_category, today=TODAY).to_dicts() == expected
    as_enum = frame.with_columns(pl.col("customer_id").cast(pl.Enum(["é", "00123"])))
    assert build(as_enum, today=TODAY).to_dicts() == expected
    as_decimal = frame.with_columns(pl.col("amount").cast(pl.Decimal(20, 4)), pl.col("date").str.to_datetime())
    assert build(as_decimal, today=TODAY).to_dicts() == expected


def test_zones_of_pandas_and_polars() -> None:
    base = columns(("a", "1", None, 1.0, "p"))
    stamp = pd.Timestamp("2025-04-22T02:30", tz="UTC")
    for zone, recency in (("UTC", 2.0), ("America/Sao_Paulo", 3.0)):
        for unit in ("s", "ms", "us", "ns"):
            frame = pd.DataFrame(base).assign(date=pd.Series([stamp]).dt.as_unit(unit))
            assert build(frame, today=TODAY, timezone=zone)["recency_days"].tolist() == [recency]
        polars = pl.DataFrame(base).with_columns(date=pl.Series([stamp.to_pydatetime()]))
        assert build(polars, today=TODAY, timezone=zone)["recency_days"].to_list() == [recency]


def test_a_relation_lives_on_in_its_own_connection() -> None:
    """Also where that connection has tables of the same names, and after everything else is gone."""
    connection = duckdb.connect()
    rows = pa.table(example_columns())  # noqa: F841
    for name in ("transactions", "same", "table", "vectors", "quarantine"):
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM rows')
    built = build(connection.table("transactions"), today=TODAY)
    again = build(connection.table("same"), today=TODAY)
    gc.collect()
    assert [row[0] for row in built.fetchall()] == list(EXAMPLE_VECTORS)
    assert [row[0] for row in again.fetchall()] == list(EXAMPLE_VECTORS)
    joined = connection.sql("SELECT COUNT(*) FROM transactions JOIN built USING (customer_id)")
    assert joined.fetchall() == [(4,)]
    assert connection.sql("SELECT COUNT(*) FROM transactions").fetchall() == [(4,)]
    views = connection.sql("SELECT COUNT(*) FROM duckdb_views() WHERE NOT internal").fetchall()
    assert views == [(0,)]


def test_the_input_is_left_as_it_was(make: Make) -> None:
    frame = make(example_columns())
    before = rows_of(frame)
    build(frame, today=TODAY)
    check(frame, today=TODAY)
    assert str(rows_of(frame)) == str(before)


@pytest.mark.parametrize("frame", [None, [], {"a": [1]}, "t.csv", 3, pl.DataFrame(example_columns()).lazy()])
def test_what_is_no_dataframe(frame: Any) -> None:
    with pytest.raises(SourceError, match=r"^transactions: found \w+; allowed are pandas and Polars dataframes"):
        build(frame, today=TODAY)
    with pytest.raises(SourceError, match=r"^loyalty: found"):
        build(pa.table(example_columns()), today=TODAY, loyalty=frame if frame is not None else [])


def test_mixed_types_in_a_column() -> None:
    frame = pd.DataFrame({**example_columns(), "customer_id": pd.Series(["a", 1, 2.5, None], dtype=object)})
    with pytest.raises(SourceError, match="transactions: a column holds values of mixed or unknown types"):
        build(frame, today=TODAY)


def test_wrong_options_and_columns() -> None:
    frame = pa.table(example_columns())
    with pytest.raises(InvalidOption, match="did you mean 'line'"):
        build(frame, grain="lines")
    with pytest.raises(InvalidOption, match="max_faults"):
        build(frame, max_faults=2)
    with pytest.raises(InvalidOption, match="'total' is not a field"):
        build(frame, columns={"total": "amount"})
    with pytest.raises(ColumnError, match="no column 'amuont' for amount"):
        build(frame, columns={"amount": "amuont"})
    with pytest.raises(ColumnError, match="transactions: no column was recognised as amount"):
        build(frame.drop_columns(["amount"]))
    with pytest.raises(ValueError, match="today"):
        check(frame, today="yesterday")


def test_no_rows(make: Make) -> None:
    frame = pa.table({name: pa.array([], pa.string()) for name in FIELDS})
    built = build(frame, today=TODAY)
    assert built.num_rows == 0
    assert built.column_names == ["customer_id", *oracle.NAMES]
    assert check(frame, today=TODAY).num_rows == 0


def test_check_takes_the_arguments_of_build() -> None:
    arguments: dict[str, Any] = {
        "columns": {"amount": "amount * 2"},
        "today": TODAY,
        "loyalty": pa.table({"customer_id": ["C-1001"], "loyalty_score": [0.5]}),
        "grain": "line",
        "future": "exclude",
        "returns": "net",
        "window": "12 months",
        "timezone": "America/Sao_Paulo",
        "on_fault": "quarantine",
        "max_faults": 0.5,
    }
    frame = pa.table(example_columns())
    assert check(frame, **arguments).num_rows == 0
    assert build(frame, **arguments)["purchase_total"].to_pylist() == [1837.9, 391.8]


def test_public_functions_are_the_packages() -> None:
    assert customer_features.build is build
    assert customer_features.check is check
