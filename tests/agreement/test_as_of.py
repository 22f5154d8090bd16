"""Many as-of dates in one run: each vector is that of a run over the rows up to its date, by the oracle."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import customer_features
from customer_features.engines.duckdb import as_of, engine
from tests.agreement import oracle
from tests.agreement.doors import table
from tests.agreement.oracle import Row, bits
from tests.conftest import Cli, assert_refused, examples

START = date(2023, 1, 31)


@st.composite
def purchases(draw: st.DrawFn) -> list[Row]:
    """Rows whose orders agree on amount and date, so that every grain may read them."""
    orders = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.integers(0, 900),
                st.integers(-3000, 9000).map(lambda cents: cents / 100),
                st.lists(st.sampled_from("pqrst"), min_size=1, max_size=3, unique=True),
            ),
            min_size=1,
            max_size=25,
        )
    )
    return [
        Row(customer, f"T{number}", START + timedelta(days=day), amount, product)
        for number, (customer, day, amount, products) in enumerate(orders)
        for product in products
    ]


DATES = st.lists(
    st.integers(0, 950).map(lambda days: START + timedelta(days=days)), min_size=2, max_size=9, unique=True
)
WINDOWS = st.sampled_from([None, (1, "days"), (45, "days"), (1, "months"), (12, "months"), (18, "months")])


def built(rows: list[Row], days: list[date], **options: object) -> dict[tuple[str, date], bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = customer_features.build(
            table(rows), today=days, future="exclude", on_fault="quarantine", max_faults=1, **options
        )
    assert frame.column_names[:2] == ["customer_id", "as_of"]
    keys = list(zip(frame["customer_id"].to_pylist(), frame["as_of"].to_pylist(), strict=True))
    assert keys == sorted(keys, key=lambda key: (key[0].encode(), key[1]))
    values = [column.to_pylist() for column in frame.columns[2:]]
    return {key: bits(vector) for key, vector in zip(keys, zip(*values, strict=True), strict=True)}


def expected(
    rows: list[Row], days: list[date], grain: str, window: tuple[int, str] | None
) -> dict[tuple[str, date], bytes]:
    return {
        (customer, day): bits(vector)
        for day in days
        for customer, vector in oracle.vectors(rows, day, grain=grain, window=window).items()
    }


@settings(max_examples=examples(40), deadline=None)
@given(purchases(), DATES, st.sampled_from(["transaction", "line", "repeated_total"]), WINDOWS)
@pytest.mark.slow
def test_each_vector_is_that_of_the_rows_up_to_its_date(
    rows: list[Row], days: list[date], grain: str, window: tuple[int, str] | None
) -> None:
    span = None if window is None else f"{window[0]} {window[1]}"
    found = built(rows, days, grain=grain, window=span, returns="net")
    assert found == expected(rows, days, grain, window)


@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
@pytest.mark.parametrize("window", [None, (30, "days"), (1, "days")])
def test_many_dates_and_customers_a_few_at_a_time(
    grain: str, window: tuple[int, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where memory is short: the rows are read once for each range of customers."""
    monkeypatch.setattr(engine, "memory_kept", lambda _: nullcontext(0))
    monkeypatch.setattr(as_of, "FEWEST", 3)
    rows = [
        Row(f"c{number % 7}", f"T{number}", START + timedelta(days=number * 3 % 200), number / 100, f"p{number % 11}")
        for number in range(500)
    ]
    days = [START + timedelta(days=number) for number in range(150)]
    span = None if window is None else f"{window[0]} {window[1]}"
    assert built(rows, days, window=span, grain=grain) == expected(rows, days, grain, window)


@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
def test_a_total_that_only_some_dates_would_see_is_a_fault(grain: str) -> None:
    """What is bought and sent back adds up to nothing in the end, and to more than a double holds before."""
    many = [Row("a", f"T{n}", START, 1e11, "p") for n in range(1000)]
    back = [Row("a", f"R{n}", START + timedelta(days=5), -1e11, "p") for n in range(1000)]
    fine = [Row("b", "1", START, 1.0, "p")]
    days = [START, START + timedelta(days=9)]
    with pytest.raises(customer_features.DataFaults) as caught:
        customer_features.build(table([*many, *back, *fine]), today=days, returns="net", grain=grain)
    assert caught.value.counts == {"total_out_of_range": 2000}


def test_rows_after_the_last_date_are_faults_unless_excluded() -> None:
    rows = [Row("a", "1", START, 1.0, "p"), Row("a", "2", START + timedelta(days=9), 1.0, "p")]
    days = [START, START + timedelta(days=5)]
    with pytest.raises(customer_features.DataFaults) as caught:
        customer_features.build(table(rows), today=days)
    assert caught.value.counts == {"future_date": 1}
    # A row after an earlier date is no fault: at that date it is not there yet.
    assert customer_features.build(table(rows), today=[*days, START + timedelta(days=9)]).num_rows == 3


def test_loyalty_and_one_date_of_several() -> None:
    rows = table([Row("a", "1", START, 1.0, "p")])
    scores = pa.table({"customer_id": ["a"], "loyalty_score": [0.5]})
    frame = customer_features.build(rows, today=[START, START + timedelta(days=1)], loyalty=scores)
    assert frame["loyalty_score"].to_pylist() == [0.5, 0.5]
    assert frame["recency_days"].to_pylist() == [0.0, 1.0]
    assert customer_features.build(rows, today=[START, START])["as_of"].to_pylist() == [START]


def csv(folder: Path) -> Path:
    path = folder / "t.csv"
    path.write_text(
        "customer_id,transaction_id,date,amount,product_id\n"
        "a,1,2024-01-31,10,p\na,2,2024-02-29,20,q\nb,3,2024-02-10,5,p\na,4,2024-03-30,40,p\n"
    )
    return path


def test_the_command_line_and_the_published_file(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    dates = ("--every", "month", "--from", "2024-01-31", "--to", "2024-03-31", "--window", "1 month")
    ran = cli("build", csv(tmp_path), "--out", out, *dates)
    assert ran.code == 0, ran.err
    frame = pyarrow.parquet.read_table(out)
    assert frame.schema.field("as_of") == pa.field("as_of", pa.date32(), nullable=False)
    rows = zip(*(frame[name].to_pylist() for name in ("customer_id", "as_of", "purchase_total")), strict=True)
    assert list(rows) == [
        ("a", date(2024, 1, 31), 10.0),
        ("a", date(2024, 2, 29), 30.0),
        ("a", date(2024, 3, 31), 40.0),
        ("b", date(2024, 2, 29), 5.0),
    ]
    same = tmp_path / "same.parquet"
    each = [word for day in ("2024-03-31", "2024-01-31", "2024-02-29") for word in ("--today", day)]
    assert cli("build", csv(tmp_path), "--out", same, *each, "--window", "1 month").code == 0
    assert same.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--every", "month"), "--every, --from and --to go together"),
        (("--from", "2024-01-01"), "--every, --from and --to go together"),
        (("--every", "moon", "--from", "2024-01-01", "--to", "2024-02-01"), "day, week, month"),
        (("--every", "day", "--from", "2024-02-01", "--to", "2024-01-01"), "is before"),
        (("--every", "day", "--from", "1990-01-01", "--to", "2024-01-01"), "more than 3660 dates"),
        (("--today", "2024-01-01", "--every", "day", "--from", "2024-01-01", "--to", "2024-01-02"), "either"),
        (("--today", "2024-01-01", "--today", "yesterday"), "is not a date"),
    ],
)
def test_wrong_dates_end_in_a_sentence(words: tuple[str, ...], says: str, cli: Cli, tmp_path: Path) -> None:
    ran = cli("build", csv(tmp_path), "--out", tmp_path / "out.parquet", *words)
    assert says in assert_refused(ran, tmp_path)
