"""Hints: each that the program prints, applied to the very input that it was printed for, is right or is refused."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import customer_features
from customer_features import ColumnError
from customer_features.engines.duckdb.hints import with_values
from customer_features.query.columns import MissingColumns
from tests.conftest import Cli

TODAY = "2025-04-24"

ONLINE_RETAIL = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" + "".join(
    f"{536365 + number // 3},8512{number % 4},HEART,{number % 5 + 1},2025-04-{number % 20 + 1:02},2.55,"
    f"{17850 + number % 7},United Kingdom\n"
    for number in range(60)
)
OLIST_ORDERS = (
    "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_customer_date,"
    "order_estimated_delivery_date\n"
    + "".join(
        f"e481f51{number:03},9ef432e{number:03},{'delivered' if number % 9 else 'shipped'},2025-03-{number % 28 + 1:02}"
        f" 10:56:33,2025-03-{number % 28 + 1:02} 11:07:15,2025-04-10 21:25:13,2025-04-18 00:00:00\n"
        for number in range(60)
    )
)
OLIST_ITEMS = "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n" + "".join(
    f"00010242{number // 2:03},{number % 2 + 1},4244733e{number % 11},48436dad{number % 5},2025-03-19 09:45:35,"
    f"{58.9 + number % 3},13.29\n"
    for number in range(60)
)
STRIPE = "id,Created date (UTC),Amount,Amount Refunded,Currency,Mode,Status,Customer ID\n" + "".join(
    f"ch_{number},2025-03-{number % 28 + 1:02} 10:00,{number % 7 + 1}.00,0.00,usd,Live,Paid,cus_{number % 9}\n"
    for number in range(60)
)
LINES = "customer_id,order_id,date,sku,price,quantity\n" + "".join(
    f"c{number % 9},{number},2025-03-01,p{number % 4},2.50,{number % 3 + 1}\n" for number in range(60)
)

PROPOSED = re.compile(r"did you mean (.*) for (\w+)\?")


def proposals(said: str) -> dict[str, list[str]]:
    """Columns by the field that they are proposed for."""
    return {found[2]: re.findall(r"'([^']*)'", found[1]) for found in PROPOSED.finditer(said)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ONLINE_RETAIL, {}),
        (OLIST_ORDERS, {"date": ["order_purchase_timestamp"]}),
        (OLIST_ITEMS, {"amount": ["price"]}),
        (STRIPE, {"date": ["Created date (UTC)"]}),
        (LINES, {}),
    ],
    ids=["online retail", "olist orders", "olist items", "stripe", "lines"],
)
def test_h1_a_column_is_proposed_only_where_its_values_fit(
    text: str, expected: dict[str, list[str]], cli: Cli, tmp_path: Path
) -> None:
    source = tmp_path / "export.csv"
    source.write_text(text)
    for command in (("build", source, "--out", tmp_path / "f.csv"), ("check", source)):
        ran = cli(*command, "--today", TODAY)
        assert ran.code == 2
        assert proposals(ran.err) == expected, ran.err
    dry = cli("build", source, "--out", tmp_path / "f.csv", "--today", TODAY, "--dry-run")
    assert proposals(dry.err) == expected
    with pytest.raises(ColumnError) as caught:
        customer_features.build(pd.read_csv(source), today=TODAY)
    assert proposals(str(caught.value)) == expected


COLUMNS: list[tuple[str, str, list[object], bool]] = [
    ("date", "data", ["2025-03-01", "2025-03-02"], True),
    ("date", "data", ["1", "2"], False),
    ("date", "Datum", ["01.03.2025", "02.03.2025"], True),
    ("date", "order day", ["Mon", "Tue"], False),
    ("date", "updated", ["2025-03-01", "2025-03-02"], False),
    ("date", "birth date", ["1990-03-01", "1991-03-02"], False),
    ("amount", "amuont", ["1.50"], True),
    ("amount", "Betrag", ["1.250,00", "80,00"], True),
    ("amount", "amuont", ["£1.50", "(12.50)", "-3", "12.50-"], True),
    ("amount", "amuont", ["a", "b"], False),
    ("amount", "amuont", [str(number) for number in range(100, 150)], False),
    ("amount", "amuont", ["0012", "0013"], False),
    ("amount", "amuont", ["2025-03-01", "2025-03-02"], False),
    ("amount", "total tax", ["1.50", "2.50"], False),
    ("amount", "Country", ["1.50", "2.50"], False),
    ("customer_id", "cliente_id", ["a", "b", "a", "b", "c"], True),
    ("customer_id", "cliente_id", [f"c{number}" for number in range(40)], False),
    ("customer_id", "cliente_id", [1.5, 2.5, 1.5], False),
    ("customer_id", "customer name", ["a", "b", "a", "b", "c"], False),
    ("customer_id", "seller_id", ["a", "b", "a", "b", "c"], False),
    ("product_id", "producto", ["a", "b", "a", "b", "c"], True),
    ("product_id", "Mode", ["Live"] * 9, False),
    ("product_id", "produto", ["Live"] * 9, False),
    ("product_id", "item price", ["a", "b", "a", "b", "c"], False),
    ("transaction_id", "pedido_id", ["a", "b", "c"], True),
    ("transaction_id", "order_status", ["paid", "open", "paid"], False),
    ("transaction_id", "order grp", ["x", "y"] * 100, False),
]


@pytest.mark.parametrize(("name", "column", "values", "fits"), COLUMNS)
def test_h1_name_and_values_of_one_column(name: str, column: str, values: list[object], fits: bool) -> None:
    error = MissingColumns("s", [name], [column], set())
    with duckdb.connect() as connection:
        connection.register("t", pa.table({column: values}))
        hinted = with_values(error, connection, "t")
    assert hinted.proposed == ({name: [column]} if fits else {})


def test_h1_of_several_columns_that_fit_none_is_preferred() -> None:
    error = MissingColumns("s", ["date"], ["Created (UTC)", "purchased on"], set())
    with duckdb.connect() as connection:
        connection.register("t", pa.table({"Created (UTC)": ["2025-03-01"], "purchased on": ["2025-03-02"]}))
        said = str(with_values(error, connection, "t"))
    assert "did you mean 'Created (UTC)' or 'purchased on' for date?" in said
    assert "--map date=COLUMN" in said


def test_h1_without_values_nothing_is_proposed() -> None:
    said = str(MissingColumns("s", ["amount"], ["amuont"], set()))
    assert "did you mean" not in said
    assert "columns found: amuont" in said
    assert "--map amount=COLUMN" in said


def test_h1_a_column_that_serves_already_is_not_proposed() -> None:
    error = MissingColumns("s", ["amount", "date"], ["total", "x"], {"total"})
    with duckdb.connect() as connection:
        connection.register("t", pa.table({"total": [1.5], "x": [1]}))
        assert with_values(error, connection, "t").proposed == {}


@dataclass(frozen=True)
class Case:
    """An input that is refused with hints, and the totals that are right; ``also``: options it needs besides."""

    text: str
    totals: dict[str, float]
    also: tuple[str, ...] = ()
    hints: dict[str, str] = field(default_factory=dict)
    """What to put in the place of what only a person knows, such as COLUMN."""
    maps: dict[str, str] = field(default_factory=dict)
    """Fields as they are mapped; a hint gives another expression."""
    readings: dict[str, dict[str, float]] = field(default_factory=dict)
    """The totals that are right under each decimal mark, where only a person knows which it is."""


HEADER = "customer_id,order_id,date,amount,sku"
SEMICOLONS = HEADER.replace(",", ";")
CASES: dict[str, Case] = {
    # Columns that are proposed, and columns that would both serve.
    "misspelt": Case("customr_id,order_id,date,amuont,sku\na,1,2025-04-01,1.50,p\n", {"a": 1.5}),
    "other language": Case("cliente_id;pedido_id;data;valor;produto\na;1;2025-04-20;1.50;p\n", {"a": 1.5}),
    "odd name": Case('customer_id,order_id,Order "day\'s" date,amount,sku\na,1,2025-04-01,1.50,p\n', {"a": 1.5}),
    "two would serve": Case("customer_id,order_id,date,total,spend,sku\na,1,2025-04-01,1.50,1.50,p\n", {"a": 1.5}),
    "price and quantity": Case(
        LINES, {f"c{one}": 2.5 * sum(n % 3 + 1 for n in range(60) if n % 9 == one) for one in range(9)}
    ),
    # How dates and numbers are written: what is said of them is applied as well.
    "day first": Case(f"{HEADER}\na,1,13/04/2025,1.50,p\n", {"a": 1.5}),
    "decimal comma": Case(f"{SEMICOLONS}\na;1;2025-04-01;12,50;p\na;2;2025-04-01;1.250,75;p\n", {"a": 1263.25}),
    "decimal comma in a few rows": Case(f"{SEMICOLONS}\na;1;2025-04-01;12,50;p\na;2;2025-04-01;80.25;p\n", {}),
    "negative with a decimal comma": Case(
        f"{SEMICOLONS}\na;1;2025-04-01;100,00;p\na;2;2025-04-01;(12,50);p\n", {"a": 87.5}, ("--returns", "net")
    ),
    "a point with two readings": Case(
        f"{SEMICOLONS}\na;1;2025-04-01;1.250;p\na;2;2025-04-01;12.500;q\nb;3;2025-04-01;80;p\n",
        {},
        readings={".": {"a": 13.75, "b": 80.0}, ",": {"a": 13750.0, "b": 80.0}},
    ),
    "a comma with two readings": Case(
        f"{SEMICOLONS}\na;1;2025-04-01;1,250;p\na;2;2025-04-01;12,500;q\n",
        {},
        readings={".": {"a": 13750.0}, ",": {"a": 13.75}},
    ),
    "two readings beside a comma": Case(
        f"{SEMICOLONS}\na;1;2025-04-01;1.250;p\na;2;2025-04-01;12,50;q\n",
        {},
        readings={",": {"a": 1262.5}},
    ),
    "two readings in a computed column": Case(
        "customer_id;order_id;date;preis;menge;sku\na;1;2025-04-01;1.250;2;p\n",
        {},
        maps={"amount": "preis * menge"},
        readings={".": {"a": 2.5}, ",": {"a": 2500.0}},
    ),
    "thousands and decimals": Case(f'{HEADER}\na,1,2025-04-01,"1.250,00",p\na,2,2025-04-01,"5,00",p\n', {"a": 1255.0}),
    # Names within expressions, misspelt names and constants.
    "names with blanks": Case(
        "customer_id,order_id,date,Lineitem price,Lineitem quantity,sku\na,1,2025-04-01,2.50,3,p\n",
        {"a": 7.5},
        maps={"amount": "Lineitem price * Lineitem quantity"},
    ),
    "a misspelt name": Case(
        "customer_id,order_id,date,Total,Total Collected,sku\na,1,2025-04-01,1.00,7.50,p\n",
        {"a": 7.5},
        maps={"amount": "Total Colected"},
    ),
    "a misspelt plain name": Case(
        "customer_id,order_id,date,Total,Total Collected,sku\na,1,2025-04-01,1.00,7.50,p\n",
        {"a": 1.0},
        maps={"amount": "Totl"},
    ),
    "a constant": Case(
        "customer_id,order_id,date,amount\na,1,2025-04-01,1.50\n",
        {"a": 1.5},
        hints={"VALUE": "unknown"},
        maps={"product_id": "'unknown'"},
    ),
}
"""Every kind of hint."""

MAPPED = re.compile(r"""--map ((?:'[^']*'|"[^"]*"|[^\s'",;])+)""")
FORMAT = re.compile(r"--date-format ('[^']*'|\S+)")
DECIMAL = re.compile(r"--decimal ([.,])(?=[\s)])")
QUOTED = re.compile(r"names with blanks go in double quotes: (\w+)=(.+)")
MEANT = re.compile(r"there is no column '.*?' for (\w+) \(did you mean '(.*?)'\?\)")
CONSTANT = re.compile(r"--constant (\w+)=(VALUE)")


def command_of(case: Case, source: Path, out: Path, options: list[str]) -> list[object]:
    """A run of a case; an option says another thing of a field than the case's own mapping."""
    said = {one.partition("=")[0] for one in options}
    maps = [word for name, sql in case.maps.items() if name not in said for word in ("--map", f"{name}={sql}")]
    return ["build", source, "--out", out, "--today", TODAY, "--grain", "line", *case.also, *maps, *options]


def options_of(said: str, given: dict[str, str]) -> list[list[str]]:
    """The sets of options that a refusal tells to try: one for each alternative."""
    chosen: dict[str, list[str]] = {}
    for found in MAPPED.finditer(said):
        [assignment] = shlex.split(found[1])
        name, _, expression = assignment.partition("=")
        if (sql := given.get(expression, expression)) != "COLUMN":
            chosen.setdefault(name, []).append(sql)
    for name, columns in proposals(said).items():
        if len(columns) == 1 and name not in chosen:
            chosen[name] = [f'"{columns[0].replace(chr(34), chr(34) * 2)}"']
    sets: list[list[str]] = [[]]
    for name, expressions in chosen.items():
        sets = [[*one, "--map", f"{name}={sql}"] for one in sets for sql in expressions]
    for name, expression in QUOTED.findall(said) + MEANT.findall(said):
        sets = [[*one, "--map", f"{name}={expression}"] for one in sets]
    for name, value in CONSTANT.findall(said):
        sets = [[*one, "--constant", f"{name}={given.get(value, value)}"] for one in sets]
    if marks := list(dict.fromkeys(DECIMAL.findall(said))):
        sets = [[*one, "--decimal", mark] for one in sets for mark in marks]
    for found in FORMAT.finditer(said):
        sets = [[*one, "--date-format", *shlex.split(found[1])] for one in sets]
    return sets


@pytest.mark.parametrize("name", CASES)
def test_every_hint_applied_to_its_own_input_is_right_or_refused(name: str, cli: Cli, tmp_path: Path) -> None:
    case = CASES[name]
    source, out = tmp_path / "export.csv", tmp_path / "features.parquet"
    source.write_text(case.text)
    ran = cli(*command_of(case, source, out, []))
    assert ran.code != 0
    for options in options_of(ran.err, case.hints):
        again = cli(*command_of(case, source, out, options))
        if again.code == 0:
            rows = duckdb.execute(f"SELECT customer_id, purchase_total FROM '{out}'").fetchall()
            mark = options[options.index("--decimal") + 1] if "--decimal" in options else ""
            assert dict(rows) == case.readings.get(mark, case.totals)
            manifest = json.loads(Path(f"{out}.manifest.json").read_text())
            assert manifest["rows"]["quarantined"] == 0


LEAD_TO_A_RUN = (
    *("misspelt", "other language", "odd name", "two would serve", "price and quantity", "day first"),
    *("decimal comma", "negative with a decimal comma", "a point with two readings", "a comma with two readings"),
    *("two readings beside a comma", "two readings in a computed column", "thousands and decimals"),
    *("names with blanks", "a misspelt name", "a misspelt plain name", "a constant"),
)


@pytest.mark.parametrize("name", LEAD_TO_A_RUN)
def test_these_hints_lead_to_a_run(name: str, cli: Cli, tmp_path: Path) -> None:
    case = CASES[name]
    source = tmp_path / "export.csv"
    source.write_text(case.text)
    out = tmp_path / "f.csv"
    [*_, last] = options_of(cli(*command_of(case, source, out, [])).err, case.hints)
    assert last
    ran = cli(*command_of(case, source, out, last))
    assert ran.code == 0, ran.err
