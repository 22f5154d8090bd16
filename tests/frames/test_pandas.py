"""pandas dataframes as users have them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from customer_features import ColumnError, DataFaults, FaultsQuarantined, SourceError, build, check
from tests.agreement import oracle
from tests.conftest import FIELDS, TODAY, example_columns
from tests.test_frames import columns

NOW = date.fromisoformat(TODAY)
AT_ONE = datetime.fromisoformat("2025-04-20T01:00")


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


def frame_of(**replaced: Any) -> pd.DataFrame:
    """Two rows, with some columns replaced."""
    rows = columns(("a", "1", "2025-04-20", 1.5, "p"), ("b", "2", "2025-04-21", 2.5, "q"))
    return pd.DataFrame({**rows, **replaced})


def objects(*values: Any) -> Any:
    return pd.Series(values, dtype=object)


def test_what_comes_out_is_what_pandas_makes_of_text_and_floats() -> None:
    built = build(pd.DataFrame(example_columns()), today=TODAY)
    assert pd.api.types.is_string_dtype(built["customer_id"])
    assert set(built.dtypes.iloc[1:].astype(str)) == {"float64"}
    assert list(built.index) == [0, 1]


@pytest.mark.parametrize(
    "dtype", ["Int64", "UInt8", "int64[pyarrow]", "string", "string[pyarrow]", "category", "object"]
)
def test_ids_that_may_be_null(dtype: str) -> None:
    """1 and not 1.0, also beside a null."""
    ids = pd.array([1, None], dtype="Int64").astype(dtype)
    frame = frame_of(customer_id=ids)
    with pytest.warns(FaultsQuarantined, match="missing_customer_id: 1"):
        built = build(frame, today=TODAY, on_fault="quarantine", max_faults=1)
    assert built["customer_id"].tolist() == ["1"]
    assert check(frame, today=TODAY)["customer_id"].isna().tolist() == [True]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_every_unit(unit: str) -> None:
    stamps = pd.Series([pd.Timestamp("2025-04-22T23:59:59"), pd.NaT]).astype(f"datetime64[{unit}]")
    frame = frame_of(date=stamps)[:1]
    assert build(frame, today=TODAY)["recency_days"].tolist() == [2.0]
    zoned = frame.assign(date=frame["date"].dt.tz_localize("America/Sao_Paulo"))
    assert build(zoned, today=TODAY)["recency_days"].tolist() == [1.0]
    assert build(zoned, today=TODAY, timezone="America/Sao_Paulo")["recency_days"].tolist() == [2.0]
    assert check(frame_of(date=stamps), today=TODAY)["fault"].tolist() == ["missing_date"]


def test_the_end_of_a_period_is_of_its_last_day() -> None:
    ends = pd.PeriodIndex(["2025-04-20", "2025-04-21"], freq="D").end_time
    for unit in ("us", "ns"):
        assert build(frame_of(date=ends.as_unit(unit)), today=TODAY)["recency_days"].tolist() == [4.0, 3.0]
    last = (ends.normalize() + pd.Timedelta(days=1)).as_unit("ns") - pd.Timedelta(1, "ns")
    assert build(frame_of(date=last), today=TODAY)["recency_days"].tolist() == [4.0, 3.0]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (objects(Decimal("1.005"), Decimal("2.5")), [1.01, 2.5]),
        (objects(Decimal("1E+2"), Decimal("0.00005")), [100.0, 0.0]),
        (objects(Decimal("1e-45"), Decimal(1)), [0.0, 1.0]),
        (objects(Decimal(1), 2), [1.0, 2.0]),
        (objects(1, 2.5), [1.0, 2.5]),
        (objects("1.005", "2.5"), [1.01, 2.5]),
        (pd.array([1, 2], dtype="Int16"), [1.0, 2.0]),
        (pd.array([1.5, 2.5], dtype="Float32"), [1.5, 2.5]),
        (pd.array(["1", "2"], dtype="category"), [1.0, 2.0]),
    ],
)
def test_amounts(amounts: Any, expected: list[float]) -> None:
    assert build(frame_of(amount=amounts), today=TODAY)["purchase_total"].tolist() == expected


def test_numbers_that_no_arrow_type_holds_are_read_to_the_last_digit() -> None:
    frame = frame_of(amount=objects(Decimal("Infinity"), Decimal("1.00005")))
    found = check(frame, today=TODAY)
    assert found["fault"].tolist() == ["amount_out_of_range"]
    assert found["amount"].tolist() == [Decimal("Infinity")]
    with pytest.warns(FaultsQuarantined):
        built = build(frame, today=TODAY, on_fault="quarantine", max_faults=1)
    assert built["purchase_total"].tolist() == [1.0]
    long = frame_of(customer_id=objects(2**70, 2**70 + 1))
    assert build(long, today=TODAY)["customer_id"].tolist() == [str(2**70), str(2**70 + 1)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            objects("a", 1),
            r"'customer_id' holds values of mixed types: str \('a' in row 1\) and int \(1 in row 2\); give",
        ),
        (objects(None, "x"), None),
        (objects(True, "a"), r"bool \(True in row 1\) and str \('a' in row 2\)"),
        (objects(b"a" * 99, object()), r"bytes \(b'a{38}… in row 1\) and object"),
        (objects({"a": 1}, "x"), "dict .* and str "),
        (objects("a", "\ud800"), r"'customer_id' holds text that is not valid Unicode: '\\ud800' in row 2; mend it"),
        (objects(object(), object()), "'customer_id' is of type object, which is not read: Could not convert"),
        (pd.arrays.SparseArray([1, 2]), r"'customer_id' is of type Sparse\[int64, 0\], which is not read: Sparse"),
        (
            pd.period_range("2025", periods=2, freq="M"),
            "'customer_id' is of type pandas.period, which is not read; convert",
        ),
    ],
)
def test_columns_of_mixed_and_unknown_types(values: Any, said: str | None) -> None:
    frame = frame_of(customer_id=values)
    if said is None:
        assert check(frame, today=TODAY)["fault"].tolist() == ["missing_customer_id"]
        return
    for door in (build, check):
        with pytest.raises(SourceError, match=rf"^transactions: .*{said}"):
            door(frame, today=TODAY)
    # Where nothing is made of it, it does not matter.
    assert len(build(frame_of(other=values), today=TODAY)) == 2


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ((date(2025, 4, 20), AT_ONE), "mixed types: date .* and datetime "),
        ((AT_ONE, date(2025, 4, 20)), "mixed types: datetime .* and date "),
        (
            (datetime(2025, 4, 20, 1, tzinfo=UTC), AT_ONE),
            "datetime with a time zone .* and datetime ",
        ),
    ],
)
def test_days_and_times_in_one_column(dates: Any, said: str) -> None:
    """Arrow would take them for one: which day a time is would depend on which of them comes first."""
    with pytest.raises(SourceError, match=said):
        build(frame_of(date=objects(*dates)), today=TODAY)


def test_names_that_repeat() -> None:
    frame = frame_of()
    frame.insert(2, "amount", [7, 7], allow_duplicates=True)
    said = r"transactions: 2 columns are named 'amount' \(columns 3 and 5 of 6\); rename or drop all but one of them"
    for door in (build, check):
        with pytest.raises(ColumnError, match=said):
            door(frame, today=TODAY)
    with pytest.raises(ColumnError, match="3 columns are named '1'"):
        build(pd.DataFrame([[1, 2, 3]], columns=[1, "1", 1]), today=TODAY)
    with pytest.raises(ColumnError, match="the columns 'id' and 'ID' differ in case alone; rename one of them"):
        build(frame.set_axis(["id", "ID", "x", "date", "amount", "sku"], axis=1),
              columns={"customer_id": "id", "transaction_id": "ID"}, today=TODAY)  # fmt: skip


def test_labels_that_are_no_text() -> None:
    frame = frame_of().set_axis([0, ("t", 1), "date", "amount", None], axis=1)
    mapping = {"customer_id": "0", "transaction_id": "('t', 1)", "product_id": "None"}
    assert build(frame, columns=mapping, today=TODAY)["customer_id"].tolist() == ["a", "b"]
    found = check(frame, columns={**mapping, "amount": "-amount"}, today=TODAY)
    assert list(found.columns) == ["row_number", "fault", "faults", "message", 0, ("t", 1), "date", "amount", None]
    levels = frame_of()
    levels.columns = pd.MultiIndex.from_product([["x"], levels.columns])
    with pytest.raises(ColumnError, match=r"columns found: \('x', 'customer_id'\), "):
        build(levels, today=TODAY)


def test_an_index_is_no_column() -> None:
    frame = frame_of()
    said = r"^transactions: 'customer_id' in the index is no column; reset_index\(\) makes a column of it$"
    for door in (build, check):
        with pytest.raises(ColumnError, match=said):
            door(frame.set_index("customer_id"), today=TODAY)
    with pytest.raises(ColumnError, match="'customer_id' and 'date' in the index"):
        build(frame.set_index(["customer_id", "date", "amount"]).reset_index("amount"), today=TODAY)
    with pytest.raises(ColumnError, match="'who' in the index"):
        build(frame.set_index(frame["customer_id"].rename("who")), columns={"customer_id": "WHO"}, today=TODAY)
    scores = pd.DataFrame({"customer_id": ["a"], "loyalty_score": [1.0]}).set_index("customer_id")
    with pytest.raises(ColumnError, match="loyalty: 'customer_id' in the index"):
        build(frame, loyalty=scores, today=TODAY)
    both = frame.set_index("customer_id", drop=False)
    assert build(both, today=TODAY)["customer_id"].tolist() == ["a", "b"]
    with pytest.raises(ColumnError, match="no column was recognised as customer_id, amount"):
        build(frame.set_index("customer_id").drop(columns="amount"), today=TODAY)


def test_rows_come_back_as_they_were() -> None:
    """Of every type, also of those that nothing could be made of."""
    thing = object()
    frame = frame_of(amount=[1.0, -1.0], other=objects(1, thing)).set_index(pd.Index([5, 5]))
    frame["shop"] = pd.Categorical(["x", "y"])
    frame["period"] = pd.period_range("2025", periods=2, freq="M")
    frame["zoned"] = pd.to_datetime(["2025-01-01", "2025-01-02"]).tz_localize("Asia/Tokyo")
    found = check(frame, today=TODAY)
    assert found["other"].tolist() == [thing]
    assert list(found.index) == [0]
    assert found.dtypes[frame.columns].to_dict() == frame.dtypes.to_dict()


def test_no_rows_and_the_types_that_pandas_takes_then() -> None:
    for frame in (pd.DataFrame({name: [] for name in FIELDS}), pd.DataFrame(columns=FIELDS), frame_of()[:0]):
        built = build(frame, today=TODAY)
        assert list(built.columns) == ["customer_id", *oracle.NAMES]
        assert set(built.dtypes.iloc[1:].astype(str)) == {"float64"}
        assert list(check(frame, today=TODAY).columns)[4:] == list(FIELDS)
    with pytest.raises(ColumnError, match="a pandas dataframe without columns"):
        build(pd.DataFrame(), today=TODAY)
