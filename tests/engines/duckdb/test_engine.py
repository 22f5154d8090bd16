"""The DuckDB engine: every fault of decision 12 sets aside the right rows, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_features import ColumnError, DataFaults, InvalidOption, SourceError
from customer_features.definition.options import Options
from customer_features.engines.duckdb import engine as duckdb_engine
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from customer_features.sources.parts import table_part
from tests.conftest import FIELDS, csv_text

Cells = tuple[Any, ...]
GOOD: Cells = ("good", "g", "2025-04-20", "1", "p")


@contextmanager
def judged(rows: list[Cells], fields: tuple[str, ...] = FIELDS, **choices: Any) -> Iterator[Engine]:
    """An engine over text rows that has set aside what is faulty."""
    table = pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(fields)})
    with over(table, **choices) as engine:
        engine.judge()
        yield engine


@contextmanager
def over(table: pa.Table, loyalty: pa.Table | None = None, **choices: Any) -> Iterator[Engine]:
    options = Options.parse(**{"today": "2025-04-24", "on_fault": "quarantine", "max_faults": 1, **choices})
    with connected() as connection:
        scores = None if loyalty is None else table_part(loyalty, "loyalty", connection)
        yield Engine(connection, [table_part(table, "rows", connection)], options, loyalty=scores)


def aside(engine: Engine) -> list[tuple[Any, ...]]:
    """Row number, fault and all faults of each row set aside, and the proof that none is lost."""
    outcome = engine.outcome
    assert outcome.rows_in == outcome.used + outcome.excluded + outcome.quarantined
    assert sum(outcome.faults.values()) == outcome.quarantined
    rows = engine.faulty_rows().to_arrow_table().to_pylist()
    assert len(rows) == outcome.quarantined
    return [(row["row_number"], row["fault"], row["faults"]) for row in rows]


def customers(engine: Engine) -> list[str]:
    return [str(row[0]) for row in engine.vectors().fetchall()]


@pytest.mark.parametrize(
    ("row", "fault", "says"),
    [
        ((None, "t", "2025-04-20", "1", "p"), "missing_customer_id", "a non-empty string is required"),
        (("", "t", "2025-04-20", "1", "p"), "missing_customer_id", "a non-empty string is required"),
        (("c", None, "2025-04-20", "1", "p"), "missing_transaction_id", "a non-empty string is required"),
        (("c", "t", "2025-04-20", "1", ""), "missing_product_id", "a non-empty string is required"),
        (("c", "t", None, "1", "p"), "missing_date", "a date YYYY-MM-DD is required"),
        (("c", "t", "20.04.2025", "1", "p"), "unreadable_date", "'20.04.2025' cannot be read"),
        (("c", "t", "2025-04-25", "1", "p"), "future_date", "2025-04-25 is after today"),
        (("c", "t", "2025-04-20", None, "p"), "missing_amount", "a number from 0 to 100000000000"),
        (("c", "t", "2025-04-20", "1,5", "p"), "unreadable_amount", "'1,5' cannot be read"),
        (("c", "t", "2025-04-20", "nan", "p"), "amount_out_of_range", "amount nan is out of range"),
        (("c", "t", "2025-04-20", "2e11", "p"), "amount_out_of_range", "amount 2e11 is out of range"),
        (("c", "t", "2025-04-20", "-0.01", "p"), "negative_amount", "amount -0.01 is negative"),
    ],
)
def test_row_faults(row: Cells, fault: str, says: str) -> None:
    with judged([GOOD, row, (*GOOD[:4], "q")]) as engine:
        assert aside(engine) == [(2, fault, fault)]
        assert engine.outcome.faults == {fault: 1}
        assert (engine.outcome.rows_in, engine.outcome.used) == (3, 2)
        assert customers(engine) == ["good"]
        [found] = engine.found()
        assert (found.source, found.row_number, found.fault) == ("rows", 2, fault)
        assert says in found.message
        # The row as it was read, and only what was asked for is shown as an example.
        [kept] = engine.faulty_rows().to_arrow_table().to_pylist()
        assert tuple(kept[name] for name in FIELDS) == row
        assert engine.examples(fault, 3) == [found]
        assert engine.examples("missing_date", 3) == ([found] if fault == "missing_date" else [])


def test_a_row_with_several_faults_is_filed_once_under_the_first() -> None:
    with judged([GOOD, (None, "", "2052-01-01", "-2e11", None)]) as engine:
        every = "missing_customer_id,missing_transaction_id,missing_product_id,future_date,amount_out_of_range"
        assert aside(engine) == [(2, "missing_customer_id", every + ",negative_amount")]
        assert engine.outcome.faults == {"missing_customer_id": 1}


def test_faults_are_counted_in_the_order_of_the_rules() -> None:
    rows = [("c", "t", "x", "1", "p"), ("c", "t", "x", "1", "p"), ("", "t", "2025-04-20", "1", "p"), GOOD]
    with judged(rows) as engine:
        assert list(engine.outcome.faults.items()) == [("missing_customer_id", 1), ("unreadable_date", 2)]


def test_conflicting_orders_go_with_all_their_rows() -> None:
    rows = [
        ("c", "1", "2025-04-20", "5", "a"),
        ("c", "2", "2025-04-20", "5", "a"),
        ("c", "1", "2025-04-20", "6", "b"),
        ("c", "2", "2025-04-21", "5", "b"),
        ("c", "3", "2025-04-20", "7", "a"),
        ("d", "1", "2025-04-19", "9", "a"),  # another customer's order of the same id
        ("c", "1", "2025-04-20", "x", "c"),
    ]
    with judged(rows, grain="repeated_total") as engine:
        assert aside(engine) == [
            (1, "conflicting_order_total", "conflicting_order_total"),
            (2, "conflicting_order_date", "conflicting_order_date"),
            (3, "conflicting_order_total", "conflicting_order_total"),
            (4, "conflicting_order_date", "conflicting_order_date"),
            (7, "unreadable_amount", "unreadable_amount,conflicting_order_total"),
        ]
        assert [row[:4] for row in engine.vectors().fetchall()] == [("c", 7.0, 1.0, 7.0), ("d", 9.0, 1.0, 9.0)]
    with judged(rows[:6], grain="line") as engine:
        assert aside(engine) == []


def test_an_order_with_both_conflicts_names_both() -> None:
    rows = [("c", "1", "2025-04-20", "5", "a"), ("c", "1", "2025-04-21", "6", "b"), GOOD]
    with judged(rows, grain="repeated_total") as engine:
        both = "conflicting_order_total,conflicting_order_date"
        assert aside(engine) == [(1, "conflicting_order_total", both), (2, "conflicting_order_total", both)]


def test_rows_that_do_not_count_make_no_conflict() -> None:
    rows = [("c", "1", "2025-04-20", "5", "a"), ("c", "1", "2025-04-25", "6", "b"), ("c", "1", "2020-01-01", "7", "c")]
    with judged(rows, grain="repeated_total", future="exclude", window="1 month") as engine:
        assert aside(engine) == []
        assert (engine.outcome.used, engine.outcome.excluded) == (1, 2)
        assert engine.vectors().fetchall() == [("c", 5.0, 1.0, 5.0, 1.0, 0.0, 4.0)]


WITH_LOYALTY = (*FIELDS, "loyalty_score")


def test_loyalty_faults_take_the_whole_customer() -> None:
    rows = [
        ("a", "1", "2025-04-20", "1", "p", "1.5"),
        ("a", "2", "2025-04-20", "1", "p", None),
        ("b", "1", "2025-04-20", "1", "p", "0.5"),
        ("b", "2", "2025-04-20", "1", "p", "0.6"),
        ("c", "1", "2025-04-20", "1", "p", "0.5"),
        ("c", "2", "2025-04-20", "1", "p", ""),
        ("d", "1", "2025-04-20", "1", "p", "high"),
        ("a", "3", "2052-04-20", "1", "p", None),
    ]
    with judged(rows, WITH_LOYALTY) as engine:
        assert aside(engine) == [
            (1, "loyalty_out_of_range", "loyalty_out_of_range"),
            (2, "loyalty_out_of_range", "loyalty_out_of_range"),
            (3, "conflicting_loyalty", "conflicting_loyalty"),
            (4, "conflicting_loyalty", "conflicting_loyalty"),
            (7, "loyalty_out_of_range", "loyalty_out_of_range"),
            (8, "future_date", "future_date,loyalty_out_of_range"),
        ]
        assert engine.vectors().fetchall() == [("c", 2.0, 2.0, 1.0, 1.0, 0.5, 4.0)]
        messages = [found.message for found in engine.found()]
        assert "loyalty_score 1.5 is out of range" in messages[0]
        assert "customer 'b' has two different loyalty scores" in messages[2]
        assert "loyalty_score 'high' cannot be read" in messages[4]


def test_loyalty_of_rows_that_do_not_count_is_not_looked_at() -> None:
    rows = [
        ("a", "1", "2025-04-20", "1", "p", "0.5"),
        ("a", "2", "2025-04-25", "1", "p", "0.7"),
        ("a", "3", "2020-01-01", "1", "p", "7"),
    ]
    with judged(rows, WITH_LOYALTY, future="exclude", window="1 month") as engine:
        assert aside(engine) == []
        assert engine.vectors().fetchall() == [("a", 1.0, 1.0, 1.0, 1.0, 0.5, 4.0)]


def test_a_table_of_loyalty_scores() -> None:
    table = pa.table(
        {
            "customer_id": ["a", "b", "c", "d", "e", "f"],
            "transaction_id": ["1"] * 6,
            "date": ["2025-04-20"] * 5 + ["2025-04-25"],
            "amount": [1.0] * 6,
            "product_id": ["p"] * 6,
            "loyalty_score": [None] * 6,  # a column that holds nothing says nothing
        }
    )
    scores = pa.table(
        {
            "customer_id": ["a", "b", "b", "c", "d", "d", "f", "stranger"],
            "loyalty_score": [0.5, 0.25, 0.25, 1.5, 0.1, 0.2, 9.0, 3.0],
            "total": [1] * 8,  # columns that would be ambiguous among transactions mean nothing here
            "spend": [1] * 8,
        }
    )
    with over(table, scores, future="exclude") as engine:
        engine.judge()
        assert aside(engine) == [
            (3, "loyalty_out_of_range", "loyalty_out_of_range"),
            (4, "conflicting_loyalty", "conflicting_loyalty"),
        ]
        found = {row[0]: row[5] for row in engine.vectors().fetchall()}
        assert found == {"a": 0.5, "b": 0.25, "e": 0.0}


def test_loyalty_tables_are_mapped_with_their_own_columns() -> None:
    table = pa.table({"kunde": ["a"], "transaction_id": ["1"], "date": ["2025-04-20"], "amount": [1], "sku": ["p"]})
    mapping = {"customer_id": "kunde", "loyalty_score": "points / 100"}
    for name in ("kunde", "customer_id"):
        scores = pa.table({name: ["a"], "points": [25]})
        options = Options.parse(today="2025-04-24")
        with connected() as connection:
            parts = [table_part(table, "rows", connection)]
            loyalty = table_part(scores, "loyalty", connection)
            engine = Engine(connection, parts, options, columns=mapping, loyalty=loyalty)
            engine.judge()
            assert engine.vectors().fetchall() == [("a", 1.0, 1.0, 1.0, 1.0, 0.25, 4.0)]


def test_a_loyalty_table_without_its_columns() -> None:
    rows = pa.table({name: [value] for name, value in zip(FIELDS, GOOD, strict=True)})
    says = "loyalty: no column was recognised as loyalty_score"
    with over(rows, pa.table({"customer_id": ["a"]})) as engine, pytest.raises(ColumnError, match=says):
        engine.judge()


def test_only_returns() -> None:
    rows = [
        ("a", "1", "2025-04-20", "-5", "p"),
        ("a", "2", "2025-04-20", "-6", "p"),
        ("b", "1", "2025-04-20", "-5", "p"),
        ("b", "2", "2025-04-20", "0", "p"),
        ("c", "1", "2025-04-20", "-5", "p"),
        ("c", "2", "2020-04-20", "50", "p"),
    ]
    with judged(rows, returns="net", window="12 months") as engine:
        assert aside(engine) == [(row, "only_returns", "only_returns") for row in (1, 2, 5)]
        assert engine.outcome.excluded == 1
        assert engine.vectors().fetchall() == [("b", -5.0, 1.0, -5.0, 1.0, 0.0, 4.0)]
        assert "customer 'a' has nothing but returns" in engine.found()[0].message


MAX_UNITS = (2**53 - 1) * 100


def test_totals_at_the_limit_of_a_double() -> None:
    whole, rest = divmod(MAX_UNITS, 10**15)
    fits = [("fits", str(place), "2025-04-20", "1e11", "p") for place in range(whole)]
    fits.append(("fits", "rest", "2025-04-20", f"{(rest + 49) / 10000!r}", "p"))
    passes = [("passes", *row[1:]) for row in fits[:-1]]
    passes.append(("passes", "rest", "2025-04-20", f"{(rest + 50) / 10000!r}", "p"))
    with judged(fits + passes) as engine:
        assert engine.outcome.faults == {"total_out_of_range": whole + 1}
        [(name, total, *_)] = engine.vectors().fetchall()
        assert (name, total) == ("fits", 90071992547409.91)


def test_sums_past_2_to_63_units() -> None:
    table = pa.table(
        {
            "customer_id": ["past"] * 10_000 + ["below"],
            "transaction_id": ["t"] * 10_001,
            "date": ["2025-04-20"] * 10_001,
            "amount": [1e11] * 10_000 + [1.0],
            "product_id": ["p"] * 10_001,
        }
    )
    with over(table) as engine:
        engine.judge()
        assert engine.outcome.faults == {"total_out_of_range": 10_000}
        assert customers(engine) == ["below"]
        assert "passes 9007199254740991 cents" in engine.found()[0].message
        assert len(engine.found()) == 100


def test_rows_after_today_and_before_the_window_are_excluded_and_counted() -> None:
    rows = [
        ("a", "1", "2025-04-25", "1", "p"),
        ("a", "2", "2025-04-24", "2", "p"),
        ("a", "3", "2025-03-25", "4", "p"),
        ("a", "4", "2025-03-24", "8", "p"),
        ("late", "5", "2025-04-25", "1", "p"),
        ("old", "6", "2020-01-01", "1", "p"),
        ("old", "7", "2020-01-01", "x", "p"),  # a fault is a fault wherever its day lies
    ]
    with judged(rows, future="exclude", window="1 month") as engine:
        assert aside(engine) == [(7, "unreadable_amount", "unreadable_amount")]
        assert (engine.outcome.used, engine.outcome.excluded) == (2, 4)
        assert engine.vectors().fetchall() == [("a", 6.0, 2.0, 3.0, 1.0, 0.0, 0.0)]


def test_nothing_is_left() -> None:
    with judged([("a", "1", "2025-04-25", "1", "p")], future="exclude") as engine:
        assert (engine.outcome.used, engine.outcome.excluded, engine.outcome.customers) == (0, 1, 0)
        assert engine.vectors().fetchall() == []


def test_fail_stops_at_any_fault() -> None:
    rows = [GOOD] * 999 + [("", *GOOD[1:])]
    with pytest.raises(DataFaults) as caught, judged(rows, on_fault="fail"):
        pass
    assert caught.value.counts == {"missing_customer_id": 1}
    assert caught.value.rows == 1000
    assert [found.row_number for found in caught.value.found] == [1000]
    assert "1 of 1,000 rows is faulty" in str(caught.value)


def test_max_faults_is_a_share_that_may_be_reached_but_not_passed() -> None:
    rows = [GOOD] * 98 + [("", *GOOD[1:])] * 2
    with judged(rows, max_faults=0.02) as engine:
        assert engine.outcome.quarantined == 2
    with (
        pytest.raises(DataFaults, match=r"2\.00% is more than the 1\.90% allowed by max_faults"),
        judged(rows, max_faults=0.019),
    ):
        pass


def test_at_most_a_hundred_faulty_rows_are_named() -> None:
    with pytest.raises(DataFaults) as caught, judged([("", *GOOD[1:])] * 500, on_fault="fail"):
        pass
    assert [found.row_number for found in caught.value.found] == list(range(1, 101))
    assert len(str(caught.value).splitlines()) < 10


# -- files: the right source and row number --------------------------------------------------------------

BAD_LINES = ["a,1,2025-04-20,x,p", "a,2,2025-04-20,1,p", ",3,2025-04-20,1,p", "a,4,2025-99-20,1,p"]


@pytest.mark.parametrize("kind", ["csv", "parquet", "ndjson", "json", "arrow", "csv.gz", "tsv"])
def test_source_and_row_number_in_several_files(kind: str, tmp_path: Path) -> None:
    names = []
    for place, lines in enumerate((BAD_LINES, BAD_LINES[1:2] * 3, BAD_LINES[::-1])):
        path = tmp_path / f"{place}.{kind}"
        write(path, [tuple(line.split(",")) for line in lines])
        names.append(str(path))
    with connected() as connection, opened(names, connection) as parts:
        options = Options.parse(today="2025-04-24", on_fault="quarantine", max_faults=1)
        engine = Engine(connection, parts, options)
        engine.judge()
        rows = engine.faulty_rows().to_arrow_table().to_pylist()
        assert [(row["source"], row["row_number"], row["fault"]) for row in rows] == [
            (names[0], 1, "unreadable_amount"),
            (names[0], 3, "missing_customer_id"),
            (names[0], 4, "unreadable_date"),
            (names[2], 1, "unreadable_date"),
            (names[2], 2, "missing_customer_id"),
            (names[2], 4, "unreadable_amount"),
        ]
        assert [row["amount"] for row in rows] == ["x", "1", "1", "1", "1", "x"]
        assert engine.outcome.rows_by_source == {names[0]: 4, names[1]: 3, names[2]: 4}
        assert engine.outcome.rows_in == 11


def write(path: Path, rows: list[tuple[str, ...]]) -> None:
    """Rows of text as a file of the kind that its suffix names."""
    import gzip
    import json

    cells = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    table = pa.table({name: pa.array([row[name] or None for row in cells], pa.string()) for name in FIELDS})
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    elif path.suffix == ".ndjson":
        path.write_text("".join(json.dumps(row) + "\n" for row in cells))
    elif path.suffix == ".json":
        path.write_text(json.dumps(cells))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        text = "".join(mark.join(row) + "\n" for row in [FIELDS, *rows])
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet", "ndjson"])
def test_row_numbers_in_files_that_are_read_in_pieces(kind: str, tmp_path: Path) -> None:
    """Several threads read a large file at once; a row number is still the row's place in its file."""
    size = 1_500_000
    bad = sorted({1, 2, size // 3, size - 1, size, *(place * 7919 % size + 1 for place in range(200))})
    amounts = ["1.25"] * size
    for row in bad:
        amounts[row - 1] = f"bad {row}"
    columns = {name: ["0123456789"] * size for name in FIELDS} | {"date": ["2025-04-20"] * size, "amount": amounts}
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table(columns), path, row_group_size=10_000)
    else:
        form = "0123456789,0123456789,2025-04-20,{},0123456789\n"
        if kind == "ndjson":
            form = '{{"customer_id":"0","transaction_id":"1","date":"2025-04-20","amount":"{}","product_id":"p"}}\n'
        with path.open("w") as text:
            text.write(",".join(FIELDS) + "\n" if kind == "csv" else "")
            text.writelines(map(form.format, amounts))
    with connected(threads=4) as connection, opened([str(path)], connection) as parts:
        engine = Engine(connection, parts, Options.parse(today="2025-04-24", on_fault="quarantine"))
        engine.judge()
        rows = engine.faulty_rows().project("row_number, amount").fetchall()
    assert rows == [(row, f"bad {row}") for row in bad]


def test_parts_of_different_kinds_are_one_run(tmp_path: Path) -> None:
    """A customer's rows over files of four formats and column orders are one customer."""
    for place, kind in enumerate(("csv", "parquet", "ndjson", "arrow")):
        write(tmp_path / f"{place}.{kind}", [("c", str(place), f"2025-04-2{place}", str(10**place), f"p{place}")])
    (tmp_path / "other.csv").write_text("sku,order_id,order_date,household_id,total\np0,9,2025-04-01,c,0.5\n")
    names = [str(path) for path in sorted(tmp_path.iterdir())]
    with connected() as connection, opened(names, connection) as parts:
        engine = Engine(connection, parts, Options.parse(today="2025-04-24"))
        engine.judge()
        assert engine.vectors().fetchall() == [("c", 1111.5, 5.0, 222.3, 4.0, 0.0, 1.0)]


def test_originals_of_different_parts_share_the_quarantine(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text("a,1,2025-04-20,x,p,keep", header=",".join((*FIELDS, "note"))))
    pq.write_table(
        pa.table(
            {
                "customer_id": [7],
                "transaction_id": [8],
                "date": ["2025-04-20"],
                "amount": [-1.5],
                "product_id": [9],
                "Note": [2.5],
                "fault": ["mine"],
                "place": ["Lisboa"],
            }
        ),
        tmp_path / "b.parquet",
    )
    names = [str(tmp_path / "a.csv"), str(tmp_path / "b.parquet")]
    with connected() as connection, opened(names, connection) as parts:
        options = Options.parse(today="2025-04-24", on_fault="quarantine", max_faults=1)
        engine = Engine(connection, parts, options)
        engine.judge()
        first, second = engine.faulty_rows().to_arrow_table().to_pylist()
    assert (first["customer_id"], first["amount"], first["note"]) == ("a", "x", "keep")
    assert (first["original_fault"], first["place"]) == (None, None)
    assert (second["customer_id"], second["amount"], second["note"]) == ("7", "-1.5", "2.5")
    assert (second["fault"], second["original_fault"], second["place"]) == ("negative_amount", "mine", "Lisboa")


@pytest.mark.parametrize(
    "extra",
    [
        "place",
        "filename",
        "source_file",
        "day",
        "units",
        "number",
        "row_number",
        "source",
        "faults",
        "message",
        "today",
        "o0",
        "state",
        "visits",
        "loyalty",
        "own",
        "names",
        "outside",
        "used",
        "original_fault",
        "Customer_ID2",
        'é"x"',
    ],
)
def test_a_column_may_bear_any_name(extra: str, tmp_path: Path) -> None:
    header = ",".join((*FIELDS, '"' + extra.replace('"', '""') + '"', "fault"))
    path = tmp_path / "t.csv"
    path.write_text(csv_text("c,1,2025-04-20,2.5,p,,own", "c,2,2025-04-20,x,p,kept,own", header=header))
    with connected() as connection, opened([str(path)], connection) as parts:
        options = Options.parse(today="2025-04-24", on_fault="quarantine", max_faults=1)
        engine = Engine(connection, parts, options)
        engine.judge()
        assert engine.vectors().fetchall() == [("c", 2.5, 1.0, 2.5, 1.0, 0.0, 4.0)]
        [row] = engine.faulty_rows().to_arrow_table().to_pylist()
        assert row["row_number"] == 2
        assert "kept" in row.values()
        assert "own" in row.values()


# -- warnings --------------------------------------------------------------------------------------------


def warned(rows: list[Cells], **choices: Any) -> dict[str, tuple[int, str]]:
    with judged(rows, **choices) as engine:
        return {warning["name"]: (warning["count"], warning["message"]) for warning in engine.outcome.warnings}


def test_repeated_ids_and_what_they_look_like() -> None:
    rows = [
        ("c", "1", "2025-04-20", "5", "a"),
        ("c", "1", "2025-04-20", "5", "b"),
        ("c", "2", "2025-04-20", "7", "a"),
        ("d", "1", "2025-04-20", "5", "a"),
    ]
    found = warned(rows)
    assert {name: count for name, (count, _) in found.items()} == {
        "looks_like_repeated_totals": 1,
        "repeated_transaction_id": 1,
    }
    assert "'1' of customer 'c' stands 2 times" in found["repeated_transaction_id"][1]
    assert "1 of 3" in found["looks_like_repeated_totals"][1]
    assert warned(rows, grain="line") == warned(rows, grain="repeated_total") == {}
    assert warned(rows[1:]) == {}
    assert set(warned([*rows, *(("e", o, "2025-04-20", a, o) for o in "123" for a in "12")])) == {
        "repeated_transaction_id"
    }


def test_duplicate_rows() -> None:
    row = ("c", "1", "2025-04-20", "5", "a")
    found = warned([row, row, row], grain="line")
    assert set(found) == {"duplicate_row"}
    assert "1 row is repeated, e.g. a row of order '1' of customer 'c' stands 3 times" in found["duplicate_row"][1]
    for other in (("d", *row[1:]), ("c", "2", *row[2:]), (*row[:3], "6", "a"), (*row[:4], "b")):
        assert warned([row, other], grain="line") == {}


def test_rows_set_aside_give_no_warning() -> None:
    assert warned([("c", "1", "2025-04-20", "x", "a")] * 3 + [GOOD], grain="line") == {}
    assert warned([("c", "1", "2026-04-20", "1", "a")] * 3 + [GOOD], future="exclude") == {}
    assert warned([("c", "1", "2025-04-20", "-1", "a")] * 3 + [GOOD], returns="net") == {}  # only_returns


# -- the connection --------------------------------------------------------------------------------------


def test_memory_and_threads() -> None:
    with connected(memory_limit="300MiB", threads=1) as connection:
        assert connection.sql("SELECT current_setting('memory_limit'), current_setting('threads')").fetchall() == [
            ("300.0 MiB", 1)
        ]
        spill = Path(connection.sql("SELECT current_setting('temp_directory')").fetchall()[0][0])
        assert spill.is_dir()
    assert not spill.exists()


@pytest.mark.parametrize("size", ["much", "12 parsecs", "GB"])
def test_a_memory_limit_that_is_none(size: str) -> None:
    with pytest.raises(InvalidOption, match="is not a size"), connected(memory_limit=size):
        pass


def test_a_type_that_the_engine_does_not_read() -> None:
    table = pa.table({"customer_id": ["a"], "wide": pa.array([1], pa.decimal256(50, 2))})
    with connected() as connection, pytest.raises(SourceError, match=r"^rows: a column has a type that is not read"):
        table_part(table, "rows", connection)


def test_rows_and_bytes_are_known_before_where_they_are_cheap(tmp_path: Path) -> None:
    rows = [("a", str(place), "2025-04-20", "1", "p") for place in range(7)]
    for name in ("a.parquet", "b.parquet", "c[1].parquet", "d.csv"):
        write(tmp_path / name, rows)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    for pattern, count in (("*.parquet", 21), ("*.csv", None), ("*", None)):
        with connected() as connection, opened([str(tmp_path / pattern)], connection) as parts:
            found = sum(size for name, size in sizes.items() if Path(name).match(pattern))
            assert Engine(connection, parts, Options.parse()).size() == (count, found)
    with over(pa.table({name: ["1"] for name in FIELDS}), max_faults=1, on_fault="quarantine") as engine:
        assert engine.size() == (1, None)


@pytest.mark.parametrize(
    "choices", [{}, {"grain": "line", "window": "30 days"}, {"returns": "net", "future": "exclude"}]
)
def test_few_rows_and_many_are_read_alike(choices: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The typed columns of few rows are kept in a table, those of many are read again by each query."""
    rows: list[Cells] = [
        GOOD,
        ("a", "1", "2025-04-20", "$1,250.50", "p"),
        ("a", "1", "2025-04-20", "0.005", "q"),
        ("a", "2", "2025-01-02 23:59:59", "-3", "p"),
        ("b", "3", "2025-04-25", "2", "p"),
        ("b", "4", "20.04.2025", "x", ""),
        ("c", None, "2025-04-20", "1", "p"),
    ]
    found = []
    for few in (len(rows), len(rows) - 1):
        monkeypatch.setattr(duckdb_engine, "FEW", few)
        with judged(rows, **choices) as engine:
            tables = engine.connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()
            found.append((engine.vectors().to_arrow_table(), engine.faulty_rows().to_arrow_table()))
        assert (("kept_staged_0",) in tables) == (few == len(rows))
    assert found[0] == found[1]
    assert found[0][0].num_rows > 0
    assert found[0][1].num_rows > 1
