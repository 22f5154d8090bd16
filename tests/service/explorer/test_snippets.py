"""\"Do this again\": each of the four doors' words, copied and run, gives the bits that the page hands out."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq
import pytest

from customer_features.query.dialects import DIALECTS
from tests.conftest import EXAMPLE, TODAY, child_environment
from tests.installed import installed
from tests.service.explorer.page import Page, words
from tests.waiting import BOUND

COMMAND = f"{Path(sys.executable).parent}"


def purchases(odd: str = "Total") -> pa.Table:
    """Some hundred orders of one to three lines; a column's name needs quoting."""
    made = random.Random(7)
    names = ("Kunde", "order_id", "order_date", odd, "sku", "loyalty_score")
    rows: dict[str, list[object]] = {name: [] for name in names}
    for order in range(300):
        customer, day = made.randrange(40), date(2025, 4, 24) - timedelta(made.randrange(500))
        amount = made.randrange(-500, 50_000) / 100
        for _ in range(made.randrange(1, 4)):
            values = (f"K{customer:03}", f"O{order}", day, amount, f"S{made.randrange(30)}", customer / 40)
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value)
    return pa.table(rows)


def as_csv(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink)
    return sink.getvalue()


def as_ndjson(table: pa.Table) -> bytes:
    return "".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist()).encode()


def as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


ODD = 'it\'s "the" total; x'
MAPPED = {"customer_id": "Kunde", "amount": "Total", "returns": "net"}
CASES = {
    "o'hara & sons.csv": (as_csv(purchases()), {**MAPPED, "grain": "line"}),
    "o.parquet": (
        as_parquet(purchases(ODD)),
        {**MAPPED, "amount": ODD, "grain": "repeated_total", "window": "6 months", "timezone": "Europe/Berlin"},
    ),
    "-lines.ndjson": (
        as_ndjson(purchases()),
        {**MAPPED, "grain": "line", "future": "exclude", "window": "200 days"},
    ),
}
FORM = {"transaction_id": "order_id", "date": "order_date", "product_id": "sku", "loyalty_score": "loyalty_score"}


def same(found: pa.Table, expected: pa.Table) -> bool:
    """Whether two tables of vectors are the same to the bit, in the same order."""
    return found.column_names == expected.column_names and all(
        _bits(found[name]).equals(_bits(expected[name])) for name in expected.column_names
    )


def _bits(column: pa.ChunkedArray) -> pa.Array:
    whole = pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
    return whole.view(pa.int64()) if pa.types.is_float64(whole.type) else whole.cast(pa.string())


def shell(text: str, folder: Path) -> None:
    ran = subprocess.run(
        ["bash", "-euc", text],
        cwd=folder, env=child_environment(PATH=f"{COMMAND}:/usr/bin:/bin"), capture_output=True, text=True,
        timeout=BOUND, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name.endswith(".csv") else [pytest.mark.slow]) for name in CASES]
)
@pytest.mark.slow
def test_each_door_gives_the_same_bits(name: str, page: Page, tmp_path: Path) -> None:
    installed("curl")
    content, choices = CASES[name]
    (tmp_path / name).write_bytes(content)
    dataset, result = page.built(content, name, today=TODAY, **FORM, **choices)
    expected = pq.read_table(io.BytesIO(page.download(dataset, "parquet").content))
    assert expected.num_rows > 20

    shell(words(result, "Command line"), tmp_path)
    assert same(pq.read_table(tmp_path / "features.parquet"), expected)
    (tmp_path / "features.parquet").unlink()

    shell(words(result, "curl"), tmp_path)
    assert same(pq.read_table(tmp_path / "features.parquet"), expected)

    ending = "\nimport pyarrow.parquet as pq\npq.write_table(vectors.to_arrow(), 'python.parquet')\n"
    script = tmp_path / "again.py"
    script.write_text(words(result, "Python") + ending)
    shell(f"python {script}", tmp_path)
    assert same(pq.read_table(tmp_path / "python.parquet"), expected)

    with duckdb.connect() as connection:
        if name.endswith("csv"):
            text = pa_csv.ConvertOptions(column_types=dict.fromkeys(purchases().column_names, pa.string()))
            rows = pa_csv.read_csv(io.BytesIO(content), convert_options=text)
        elif name.endswith("parquet"):
            rows = pq.read_table(io.BytesIO(content))
        else:
            rows = pa_json.read_json(
                io.BytesIO(content),
                parse_options=pa_json.ParseOptions(explicit_schema=pa.schema([("order_date", pa.string())])),
            )
            # Numbers of NDJSON are text to the page, digit for digit, and so they are in its query.
            rows = pa.table({one: [str(value) for value in rows[one].to_pylist()] for one in rows.column_names})
        connection.register("given", rows)
        connection.execute("CREATE TABLE purchases AS SELECT * FROM given")
        found = connection.sql(words(result, "SQL")).to_arrow_table()
    ordered = found.sort_by("customer_id")
    assert same(ordered.select(expected.column_names), expected)


@pytest.mark.slow
def test_the_contracts_document_again(page: Page, tmp_path: Path) -> None:
    content = json.dumps(EXAMPLE).encode()
    (tmp_path / "request.json").write_bytes(content)
    dataset, result = page.built(content, "request.json", today=TODAY)
    expected = json.loads(page.download(dataset, "json").content)
    shell(words(result, "curl"), tmp_path)
    assert json.loads((tmp_path / "features.json").read_text()) == expected
    script = tmp_path / "again.py"
    script.write_text(words(result, "Python") + "\nPath('answer.json').write_bytes(answer)\n")
    shell(f"python {script}", tmp_path)
    assert json.loads((tmp_path / "answer.json").read_text()) == expected


@pytest.mark.slow
def test_decimal_commas_and_other_dates_in_python(page: Page, tmp_path: Path) -> None:
    content = b"Kunde;order_id;order_date;Total;sku\nK1;O1;21/04/2025;520,55;S1\nK1;O2;18/04/2025;1,005;S2\n"
    (tmp_path / "r.csv").write_bytes(content)
    choices = {"customer_id": "Kunde", "amount": "Total", "decimal": ",", "date_format": "%d/%m/%Y"}
    form = {name: value for name, value in FORM.items() if name != "loyalty_score"}
    dataset, result = page.built(content, "r.csv", today=TODAY, **form, **choices)
    expected = pq.read_table(io.BytesIO(page.download(dataset, "parquet").content))
    script = tmp_path / "again.py"
    script.write_text(words(result, "Python") + "\nvectors.write_parquet('python.parquet')\n")
    shell(f"python {script}", tmp_path)
    assert same(pq.read_table(tmp_path / "python.parquet"), expected)
    shell(words(result, "curl"), tmp_path)
    assert same(pq.read_table(tmp_path / "features.parquet"), expected)


@pytest.mark.slow
def test_every_dialect_is_printed(page: Page) -> None:
    dataset, _ = page.built(CASES["o.parquet"][0], "o.parquet", today=TODAY, **FORM, **CASES["o.parquet"][1])
    for dialect in DIALECTS:
        again = page.ask("GET", f"/explorer/d/{dataset}/again", params={"dialect": dialect}).text
        assert f"<option selected>{dialect}</option>" in again
        assert "SELECT" in words(again, "SQL")
