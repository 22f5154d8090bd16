"""Every kind of dataframe, in and out: the oracle's very bits, the same faults, the same kind."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import customer_features
from customer_features import ColumnError, DataFaults, FaultsQuarantined, SourceError, build, check
from customer_features.frames.kinds import KINDS, kind_of
from tests.agreement import oracle
from tests.agreement.doors import FRAMES, Capsule, table, to_arrow, vectors_of
from tests.agreement.oracle import Row
from tests.conftest import EXAMPLE_VECTORS, FIELDS, TODAY, example_columns

pytestmark = [
    pytest.mark.slow,  # with all of its kind too long for every change; `make test-slow` runs it
    pytest.mark.filterwarnings(
        "ignore::customer_features.frames.Suspicious", "ignore:.*Dask support is moving out of Narwhals:FutureWarning"
    ),
]

Make = Callable[[pa.Table], Any]
NOW = date.fromisoformat(TODAY)
START = date(2024, 1, 1)
HEAD = ["row_number", "fault", "faults", "message"]


FIRST = ("pyarrow", "duckdb", "pandas", "polars", "polars lazy", "dask", "modin")
"""Asked on every change; the others, which are views of these, in the slow suite."""


@pytest.fixture(params=[pytest.param(name, marks=[] if name in FIRST else [pytest.mark.slow]) for name in FRAMES])
def make(request: pytest.FixtureRequest) -> Make:
    return FRAMES[request.param]


def same_kind(found: Any, given: Any) -> bool:
    if isinstance(given, Capsule):
        return isinstance(found, pa.Table)
    if type(found) is not type(given):
        return False
    native = getattr(given, "to_native", None)
    return native is None or type(found.to_native()) is type(native())


def purchases(seed: int = 7) -> list[Row]:
    """Rows whose orders agree on amount and date, with ties at the half cent, returns, and days after today."""
    chance = random.Random(seed)
    rows = []
    for number in range(150):
        customer = chance.choice(["a", "A", "é", "00123", "123", " a", "🛒"])
        day = START + timedelta(days=chance.randrange(500))
        amount = chance.choice([chance.randrange(10**6) / 200, chance.randrange(10**8) / 10000, -7.05, 0.0])
        lines = range(chance.randrange(1, 4))
        rows += [Row(customer, f"T{number}", day, amount, chance.choice("pqrst")) for _ in lines]
    kept = sorted({row.customer_id for row in rows})  # everyone buys something
    rows += [Row(customer, f"kept {customer}", START, 1.5, "kept") for customer in kept]
    return rows


@pytest.mark.quick
def test_the_contracts_example(make: Make) -> None:
    frame = make(pa.table(example_columns()))
    built = build(frame, today=TODAY)
    assert same_kind(built, frame)
    table = to_arrow(built)
    assert table.column_names == ["customer_id", *oracle.NAMES]
    assert set(map(str, table.schema.types[1:])) == {"double"}
    assert "string" in str(table.schema.types[0])
    found = vectors_of(table)
    assert found == {name: oracle.bits(vector) for name, vector in EXAMPLE_VECTORS.items()}
    assert list(found) == list(EXAMPLE_VECTORS)


@pytest.mark.parametrize(
    ("grain", "window"), [("transaction", (6, "months")), ("line", (400, "days")), ("repeated_total", None)]
)
def test_grains_windows_and_returns(make: Make, grain: str, window: tuple[int, str] | None) -> None:
    rows = purchases()
    expected = oracle.all_bits(oracle.vectors(rows, NOW, grain=grain, window=window))
    built = build(
        make(table(rows)),
        today=NOW,
        grain=grain,
        returns="net",
        future="exclude",
        window=None if window is None else f"{window[0]} {window[1]}",
        on_fault="quarantine",
        max_faults=1,
    )
    found = vectors_of(to_arrow(built))
    assert found == expected
    assert list(found) == oracle.in_byte_order(expected)


def test_several_dates(make: Make) -> None:
    rows = [row for row in purchases() if row.amount >= 0]
    days = [date(2024, 6, 30), date(2024, 12, 31), NOW]
    frame = make(table(rows))
    built = build(frame, today=days, future="exclude", grain="line")
    assert same_kind(built, frame)
    found = to_arrow(built)
    assert found.column_names[:2] == ["customer_id", "as_of"]
    assert found.schema.types[1] == pa.date32()
    for day in days:
        of_day = found.filter(pa.compute.equal(found["as_of"], pa.scalar(day))).drop_columns(["as_of"])
        assert vectors_of(of_day) == oracle.all_bits(oracle.vectors(rows, day, grain="line"))


def test_instants_are_days_of_the_business(make: Make) -> None:
    stamp = datetime(2025, 4, 22, 2, 30, tzinfo=UTC)
    for unit, zone, days in (("s", "America/Sao_Paulo", 3.0), ("ns", "Pacific/Kiritimati", 2.0), ("us", "UTC", 2.0)):
        frame = table([Row("a", "1", NOW, 1.0, "p")]).set_column(
            2, "date", pa.array([stamp], pa.timestamp(unit, "UTC"))
        )
        assert to_arrow(build(make(frame), today=TODAY, timezone=zone))["recency_days"].to_pylist() == [days]


FAULTY = [
    ("a", "1", "2025-04-20", 1.0, "p"),
    ("a", "2", "2025-04-31", 2.0, "p"),
    ("", "3", "2025-04-20", -3.0, "p"),
    ("b", None, "2025-04-20", 3.0, "p"),
    ("b", "5", None, 3.0, "p"),
    ("b", "6", "2052-04-20", 3.0, "p"),
    ("b", "7", "2025-04-20", 2e11, "p"),
    ("b", "8", "2025-04-20", None, ""),
    ("c", "9", "2025-04-20", 3.0, "q"),
]
FAULTS = {
    2: "unreadable_date",
    3: "missing_customer_id,negative_amount",
    4: "missing_transaction_id",
    5: "missing_date",
    6: "future_date",
    7: "amount_out_of_range",
    8: "missing_product_id,missing_amount",
}


def faulty() -> pa.Table:
    """Faulty rows, beside columns that nothing is made of: nested, in categories, and named like ours."""
    kinds = [pa.string(), pa.string(), pa.string(), pa.float64(), pa.string()]
    given = {
        name: pa.array([row[place] for row in FAULTY], kind)
        for place, (name, kind) in enumerate(zip(FIELDS, kinds, strict=True))
    }
    more = {
        "fault": pa.array([f"own {number}" for number in range(9)]),
        "tags": pa.array([[number, 1] for number in range(9)]),
        "shop": pa.array(["x", "y", None] * 3).dictionary_encode(),
        "paid": pa.array([Decimal(number) for number in range(9)], pa.decimal128(9, 2)),
        "Rank": pa.array(range(9)),
    }
    return pa.table({**given, **more})


def test_faults_their_names_counts_and_rows(make: Make) -> None:
    frame = make(faulty())
    found = check(frame, today=TODAY)
    assert same_kind(found, frame)
    rows = to_arrow(found).to_pylist()
    assert {row["row_number"]: row["faults"] for row in rows} == FAULTS
    assert [row["fault"] for row in rows] == [faults.split(",")[0] for faults in FAULTS.values()]
    assert list(rows[0]) == [*HEAD, *FIELDS, "original_fault", "tags", "shop", "paid", "Rank"]
    assert "'2025-04-31' cannot be read" in rows[0]["message"]
    originals = faulty().to_pylist()
    for row in rows:
        original = originals[row["row_number"] - 1]
        assert row["original_fault"] == original["fault"]
        for name in ("tags", "shop", "paid", "Rank", "amount", "date", "customer_id"):
            value = row[name]
            assert (None if value != value else value) == original[name], name

    with pytest.raises(DataFaults) as caught:
        to_arrow(build(make(faulty()), today=TODAY))
    assert caught.value.rows == len(FAULTY)
    assert caught.value.counts == dict(Counter(faults.split(",")[0] for faults in FAULTS.values()))
    assert [fault.row_number for fault in caught.value.found] == list(FAULTS)


def test_quarantine_leaves_out_and_counts_once(make: Make) -> None:
    with pytest.warns(FaultsQuarantined) as caught:
        built = to_arrow(build(make(faulty()), today=TODAY, on_fault="quarantine", max_faults=0.9))
    assert built["customer_id"].to_pylist() == ["a", "c"]
    assert len(caught) == 1
    assert "7 of 9 rows are faulty" in str(caught[0].message)
    with pytest.raises(DataFaults, match="allowed by max_faults"):
        to_arrow(build(make(faulty()), today=TODAY, on_fault="quarantine"))


def test_check_of_clean_data_is_empty(make: Make) -> None:
    frame = make(pa.table(example_columns()))
    found = check(frame, today=TODAY)
    assert same_kind(found, frame)
    found = to_arrow(found)
    assert found.num_rows == 0
    assert found.column_names == [*HEAD, *FIELDS, "loyalty_score"]


def test_loyalty_is_of_any_kind_too(make: Make) -> None:
    frame = table([Row("a", "1", NOW, 1.0, "p"), Row("b", "1", NOW, 1.0, "p")])
    for transactions in (frame, FRAMES["polars lazy"](frame)):
        scores = make(pa.table({"other": [[1]], "customer_id": ["a"], "loyalty": [0.25]}))
        built = build(transactions, loyalty=scores, today=TODAY)
        if isinstance(built, pl.LazyFrame):
            assert built.collect()["loyalty_score"].to_list() == [0.25, 0.0]  # and once more:
        assert to_arrow(built)["loyalty_score"].to_pylist() == [0.25, 0.0]


def test_columns_are_mapped_to_names_and_expressions(make: Make) -> None:
    frame = pa.table(
        {"who": ["a"], "order_id": ["1"], "when": ["2025-04-20"], "Price": [2.5], "qty": [3], "sku": ["p"], "z": [[1]]}
    )
    mapping = {"customer_id": "who", "date": "when", "amount": "price * qty"}
    [row] = to_arrow(build(make(frame), columns=mapping, today=TODAY)).to_pylist()
    assert (row["customer_id"], row["purchase_total"], row["recency_days"]) == ("a", 7.5, 4.0)
    mapping["product_id"] = "nullif(sku, 'p')"
    found = to_arrow(check(make(frame), columns=mapping, today=TODAY)).to_pylist()
    assert [row["fault"] for row in found] == ["missing_product_id"]


def test_nothing_but_constants(make: Make) -> None:
    constant = {"customer_id": "a", "transaction_id": "t", "product_id": "p", "amount": "1", "date": "2025-04-20"}
    [row] = to_arrow(build(make(pa.table({"x": [1, 2]})), constant=constant, today=TODAY)).to_pylist()
    assert (row["purchase_total"], row["visit_frequency"]) == (2.0, 2.0)


def test_no_rows(make: Make) -> None:
    for frame in (table([]), pa.table({name: pa.array([], pa.null()) for name in FIELDS})):
        given = make(frame)
        built = build(given, today=TODAY)
        assert same_kind(built, given)
        built = to_arrow(built)
        assert (built.num_rows, built.column_names) == (0, ["customer_id", *oracle.NAMES])
        assert set(map(str, built.schema.types[1:])) == {"double"}
        found = to_arrow(check(make(frame), today=TODAY))
        assert (found.num_rows, found.column_names) == (0, [*HEAD, *FIELDS])


def test_no_columns_and_missing_columns(make: Make) -> None:
    frame = table([Row("a", "1", NOW, 1.0, "p")])
    for door in (build, check):
        missing = r"transactions: no column was recognised as amount\n(.*\n)+.*--map amount="
        with pytest.raises(ColumnError, match=missing):
            door(make(frame.rename_columns([*FIELDS[:3], "amuont", "sku"])), today=TODAY)
        with pytest.raises(ColumnError, match=r"there is no column 'amuont' for amount \(did you mean 'amount'\?\)"):
            door(make(frame), columns={"amount": "amuont"}, today=TODAY)
        with pytest.raises(ColumnError, match="loyalty: no column was recognised as loyalty_score"):
            door(frame, loyalty=make(frame), today=TODAY)


IDS: list[tuple[tuple[Any, Any, Any], list[str]]] = [
    ((pa.array([1, 2], pa.int8()), pa.array(["x", "y"]).dictionary_encode(), pa.array([0, 2**64 - 1], pa.uint64())),
     ["1", "2"]),
    ((pa.array([7.0, 8.0]), pa.array([3, 4]).dictionary_encode(), pa.array(["x", "y"], pa.large_string())), ["7", "8"]),
    ((pa.array([3, 4]).dictionary_encode(), pa.array([7.0, 8.0]), pa.array([7, 8], pa.decimal128(12, 0))), ["3", "4"]),
    ((pa.array([0, 2**64 - 1], pa.uint64()), pa.array([1, 2], pa.int8()), pa.array([1, 2], pa.int32())),
     ["0", "18446744073709551615"]),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(IDS)))
def test_ids_of_many_types(make: Make, case: int) -> None:
    (customers, transactions, products), expected = IDS[case]
    frame = table([Row("a", "1", NOW, 1.0, "p"), Row("b", "2", NOW, 1.0, "q")])
    for field, ids in (("customer_id", customers), ("transaction_id", transactions), ("product_id", products)):
        frame = frame.set_column(FIELDS.index(field), field, ids)
    built = to_arrow(build(make(frame), today=TODAY))
    assert built["customer_id"].to_pylist() == expected
    assert built["product_diversity"].to_pylist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (pa.array([1.5, 2.0]), r"'customer_id' holds 1.5, which is no whole number below 2\^53 and so no id"),
        (pa.array([True, False]), r"'customer_id' is of type BOOLEAN and cannot be customer_id: allowed is text or"),
        (pa.array([b"a", b"b"]), r"'customer_id' is of type BLOB and cannot be customer_id"),
        (pa.array([[1], [2]]), r"'customer_id' is of type .*\[\] and cannot be customer_id"),
    ],
    ids=["fractions", "booleans", "bytes", "lists"],
)
def test_what_is_no_id(make: Make, ids: Any, said: str) -> None:
    frame = table([Row("a", "1", NOW, 1.0, "p"), Row("b", "2", NOW, 1.0, "q")]).set_column(0, "customer_id", ids)
    with pytest.raises(SourceError, match=rf"^transactions: {said}"):
        to_arrow(build(make(frame), today=TODAY))


AMOUNTS: dict[str, Any] = {
    "decimal128": pa.array([Decimal("1.00005"), Decimal("2.005")], pa.decimal128(20, 5)),
    "decimal256": pa.array([Decimal("1.00005"), Decimal("2.005")], pa.decimal256(60, 5)),
    "text": pa.array(["1.00005", "2.005"]),
    "int32": pa.array([1, 2], pa.int32()),
    "float32": pa.array([1.5, 2.25], pa.float32()),
    "dictionary": pa.array([1.5, 2.25]).dictionary_encode(),
}


@pytest.mark.parametrize("case", list(AMOUNTS))
def test_amounts_of_many_types(make: Make, case: str) -> None:
    if case == "decimal256" and make in [FRAMES[kind] for kind in ("duckdb", "polars", "polars lazy", "narwhals lazy")]:
        return  # these libraries have no such type
    amounts = AMOUNTS[case]
    frame = table([Row("a", "1", NOW, 1.0, "p"), Row("b", "2", NOW, 1.0, "q")]).set_column(3, "amount", amounts)
    values = [float(value) if case == "text" else value for value in amounts.to_pylist()]
    rows = [Row(customer, "1", NOW, value, "p") for customer, value in zip("ab", values, strict=True)]
    assert vectors_of(to_arrow(build(make(frame), today=TODAY))) == oracle.all_bits(oracle.vectors(rows, NOW))


@pytest.mark.filterwarnings("ignore::customer_features.frames.FaultsQuarantined")
def test_the_input_is_left_as_it_was(make: Make) -> None:
    if make in (FRAMES["pyarrow reader"],):
        return  # a stream is read to its end
    frame = make(faulty())
    before = to_arrow(frame).to_pylist()
    to_arrow(build(frame, today=TODAY, on_fault="quarantine", max_faults=1))
    to_arrow(check(frame, today=TODAY))
    assert str(to_arrow(frame).to_pylist()) == str(before)


def test_every_kind_is_one_of_the_list() -> None:
    kinds = [kind_of(make(faulty()), "x") for make in FRAMES.values()]
    met = {type(getattr(kind, "inner", kind)) for kind in kinds}
    assert met | {kind for kind in KINDS if kind.__module__.endswith("modin")} == set(KINDS)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (None, "found NoneType; allowed are pandas"),
        ([], r"found list; .*pyarrow.table\(...\) or pandas.DataFrame\(...\) makes one of it"),
        ({"a": [1]}, "found dict; "),
        ("t.csv", "found str; .*files are read by the command line"),
        (date(2025, 1, 1), "found date of datetime; "),
        (pa.chunked_array([[1]]), "found ChunkedArray, which is one column; give a dataframe"),
        (pa.Table, "found _?[A-Za-z]+"),
        (pa.table({}), "a PyArrow table without columns; needed are customer_id, transaction_id, date"),
    ],
)
def test_what_is_no_dataframe(frame: Any, said: str) -> None:
    with pytest.raises(SourceError, match=f"^transactions: {said}"):
        build(frame, today=TODAY)
    if frame is not None:
        with pytest.raises(SourceError, match=r"^loyalty: "):
            customer_features.check(table([]), today=TODAY, loyalty=frame)
