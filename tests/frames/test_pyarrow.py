"""Arrow tables, readers and streams."""

from __future__ import annotations

from datetime import date
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest

from customer_features import ColumnError, SourceError, build, check
from customer_features.frames import arrow
from tests.agreement import oracle
from tests.agreement.doors import table, vectors_of
from tests.agreement.oracle import Row
from tests.conftest import EXAMPLE_VECTORS, FIELDS, TODAY, example_columns

NOW = date.fromisoformat(TODAY)
WIDE = Context(prec=90)


def test_a_record_batch_is_a_stream_of_one() -> None:
    batch = pa.table(example_columns()).to_batches()[0]
    assert isinstance(build(batch, today=TODAY), pa.Table)
    assert check(batch, today=TODAY).num_rows == 0


def test_what_has_an_array_alone() -> None:
    class Array:
        def __arrow_c_array__(self, requested_schema: object = None) -> object:
            return pa.table(example_columns()).to_batches()[0].__arrow_c_array__(requested_schema)

    assert build(Array(), today=TODAY)["customer_id"].to_pylist() == list(EXAMPLE_VECTORS)  # type: ignore[call-overload]


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_a_stream_that_is_longer_than_memory(in_memory: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(arrow, "IN_MEMORY", in_memory)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    rows = [Row(f"c{place % 9}", f"t{place}", NOW, place / 8, f"p{place % 5}") for place in range(2000)]
    frame = table(rows).append_column("shop", pa.array(["x", None] * 1000).dictionary_encode())
    categories = [  # dictionaries change on the way
        pa.record_batch(
            [batch.column(0).dictionary_encode(), *batch.columns[1:]],
            schema=frame.schema.set(0, pa.field("customer_id", pa.dictionary(pa.int32(), pa.string()))),
        )
        for batch in frame.to_batches(max_chunksize=300)
    ]
    expected = oracle.all_bits(oracle.vectors(rows, NOW))
    reader = pa.RecordBatchReader.from_batches(categories[0].schema, categories)
    assert vectors_of(build(reader, today=TODAY).read_all()) == expected
    broken = pa.RecordBatchReader.from_batches(categories[0].schema, categories)
    found = check(broken, columns={"amount": "amount - 10"}, today=TODAY).read_all()
    assert found["row_number"].to_pylist() == list(range(1, 81))
    assert found["shop"].to_pylist() == ["x", None] * 40
    assert found.schema.field("customer_id").type == categories[0].schema.field(0).type
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_fails() -> None:
    def batches() -> Any:
        yield from pa.table(example_columns()).to_batches()
        raise RuntimeError("boom\nand more")

    schema = pa.table(example_columns()).schema
    for door in (build, check):
        with pytest.raises(SourceError, match=r"^transactions: a PyArrow RecordBatchReader cannot be computed: .*boom"):
            door(pa.RecordBatchReader.from_batches(schema, batches()), today=TODAY)

    class Stream:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise OSError("no stream")

    with pytest.raises(SourceError, match=r"^transactions: an Arrow stream cannot be computed: no stream"):
        build(Stream(), today=TODAY)


def test_names_that_repeat() -> None:
    frame = pa.table([pa.array([1])] * 3, names=["a", "b", "a"])
    for given in (frame, frame.to_reader()):
        with pytest.raises(ColumnError, match=r"2 columns are named 'a' \(columns 1 and 3 of 3\); rename or drop"):
            build(given, today=TODAY)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.string_view(), "a"),
        (pa.large_string(), "a"),
        (pa.dictionary(pa.uint64(), pa.large_string()), "a"),
        (pa.decimal32(5, 0), 7),
        (pa.decimal64(12, 0), 7),
        (pa.decimal256(60, 0), 10**50),
        (pa.decimal128(5, -2), 700),
        (pa.float16(), 7),
        (pa.uint64(), 2**64 - 1),
    ],
    ids=str,
)
def test_ids_of_rare_types(kind: Any, value: Any) -> None:
    number = Decimal(value) if pa.types.is_decimal(kind) else value
    ids = pa.array([number, None], kind)
    frame = table([Row("x", "1", NOW, 1.0, "p")] * 2)
    for name in FIELDS[:2]:
        place = frame.schema.get_field_index(name)
        assert check(frame.set_column(place, name, ids), today=TODAY).num_rows == 1
    [found] = build(frame.set_column(0, "customer_id", ids)[:1], today=TODAY)["customer_id"].to_pylist()
    assert found == str(value)


@pytest.mark.parametrize("scale", [2, 5, 30, 45])
@pytest.mark.parametrize("kind", [pa.decimal128, pa.decimal256])
def test_amounts_of_long_decimals_are_exact(kind: Any, scale: int) -> None:
    if kind is pa.decimal128 and scale == 45:
        scale = 33
    values = [Decimal(text).quantize(Decimal(1).scaleb(-scale), context=WIDE) for text in ("0.00005", "1.005", "12.5")]
    values += [Decimal("0.00005") - Decimal(1).scaleb(-scale)] if scale > 5 else []
    rows = [Row(f"c{place}", "t", NOW, value, "p") for place, value in enumerate(values)]
    precision = 38 if kind is pa.decimal128 else 76
    frame = table([Row(row.customer_id, "t", NOW, 1.0, "p") for row in rows])
    frame = frame.set_column(3, "amount", pa.array(values, kind(precision, scale)))
    assert vectors_of(build(frame, today=TODAY)) == oracle.all_bits(oracle.vectors(rows, NOW))


def test_wide_types_that_nothing_is_made_of_do_not_matter() -> None:
    frame = pa.table(example_columns())
    odd = pa.array([[{"a": None}]] * 4, pa.list_(pa.struct([("a", pa.decimal256(60, 5))])))
    views = pa.array(["v"] * 4, pa.string_view())
    runs = pa.RunEndEncodedArray.from_arrays([2, 4], ["x", "y"])
    frame = frame.append_column("odd", odd).append_column("views", views).append_column("runs", runs)
    frame = frame.append_column("f16", pa.array([1.0] * 4, pa.float16()))
    assert build(frame, today=TODAY).num_rows == 2
    found = check(frame, columns={"amount": "200 - amount"}, today=TODAY)
    assert found["runs"].to_pylist() == ["x", "x"]
    assert found["views"].to_pylist() == ["v"] * 2
    assert found.schema.types[4:] == frame.schema.types
