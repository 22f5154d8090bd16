"""The service's findings: one table of rules for every door, faults told by name, refusals as sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

import customer_features
from customer_features import DataFaults, InvalidRequest, SourceError, answer
from customer_features.client.pieces import as_json
from customer_features.definition.faults import FAULTS, Fault, Scope
from customer_features.engines.rows.engine import HELD
from customer_features.service.bodies import tables
from customer_features.service.content import CSV, NDJSON, PARQUET
from customer_features.service.problems import Refused
from customer_features.service.telemetry import reasons
from tests.conftest import Cli
from tests.service.bodies.test_tables import written

TODAY = "2025-04-24"
ROW = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}

PLANTED = [
    Fault(
        "unlucky_amount",
        Scope.ROW,
        "amount",
        "number = 13",
        "amount {found} is unlucky: allowed is any other",
        "change it",
        lambda row, options: row.number == 13,
    ),
    Fault(
        "short_customer",
        Scope.ROW,
        "customer_id",
        "customer_id = 'x'",
        "customer_id is short: allowed are longer ones",
        "lengthen it",
        lambda row, options: row.customer_id == "x",
    ),
    Fault(
        "long_order",
        Scope.ORDER,
        "date",
        "highest_units = 70000",
        "order {found} is of 7: allowed is any other",
        "change it",
        lambda order, options: order.highest_units == 70000,
    ),
    Fault(
        "three_visits",
        Scope.CUSTOMER,
        "transactions",
        "visits = 3",
        "customer {found} came three times: allowed is any other number",
        "wait",
        lambda customer, options: customer.visits == 3,
    ),
]
BROKEN: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "unlucky_amount": ("c", [ROW, {**ROW, "transaction_id": "U", "amount": 13}], ".transactions[1].amount"),
    "short_customer": ("x", [ROW], ".customer_id"),
    "long_order": ("c", [{**ROW, "amount": 7}], ".transactions[0].date"),
    "three_visits": ("c", [{**ROW, "transaction_id": number} for number in "123"], ".transactions"),
}
"""What breaks each planted rule: a customer's id and rows, and the path of the fault in a request."""


@pytest.fixture(params=PLANTED, ids=[rule.name for rule in PLANTED])
def planted(request: pytest.FixtureRequest) -> Iterator[Fault]:
    """A rule that is in the table meanwhile."""
    FAULTS.append(request.param)
    yield request.param
    FAULTS.remove(request.param)


def flat(rule: Fault) -> pa.Table:
    customer, rows, _ = BROKEN[rule.name]
    return pa.Table.from_pylist([{"customer_id": customer, **row} for row in rows])


def grain(rule: Fault) -> str:
    return "repeated_total" if rule.scope is Scope.ORDER else "transaction"


def test_s4_a_planted_rule_refuses_a_json_request(planted: Fault) -> None:
    customer, rows, path = BROKEN[planted.name]
    good = {"customer_id": "good", "transactions": [ROW]}
    document = {"today": TODAY, "grain": grain(planted), "customers": [good]}
    assert json.loads(answer(json.dumps(document).encode()))["customers"][0]["features"]["purchase_total"] == 1.5
    document["customers"] = [good, {"customer_id": customer, "transactions": rows}]
    with pytest.raises(InvalidRequest) as caught:
        answer(json.dumps(document).encode())
    assert list(caught.value.errors) == [f"customers[1]{path}"]
    said = caught.value.errors[f"customers[1]{path}"]
    assert {reasons.name_of(sentence) for sentence in said} == {planted.name}


def test_s4_a_planted_rule_refuses_a_dataframe(planted: Fault) -> None:
    with pytest.raises(DataFaults) as caught:
        customer_features.build(flat(planted), today=TODAY, grain=grain(planted))
    assert set(caught.value.counts) == {planted.name}


def test_s4_a_planted_rule_refuses_a_file(planted: Fault, cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "rows.parquet"
    pa.parquet.write_table(flat(planted), source)
    ran = cli("check", source, "--today", TODAY, "--grain", grain(planted), "--json")
    assert ran.code == 1
    assert [found["fault"] for found in json.loads(ran.out)["faults"]] == [planted.name]


def test_s4_a_planted_rule_is_in_printed_sql(planted: Fault) -> None:
    query = customer_features.sql("duckdb", table="t", today=TODAY, grain=grain(planted), faults=True)
    with duckdb.connect() as connection:
        connection.register("t", flat(planted).cast(_schema()))
        assert {row[0] for row in connection.execute(query).fetchall()} == {planted.name}


def _schema() -> pa.Schema:
    names = ("customer_id", "transaction_id", "date", "amount", "product_id")
    kinds = {"date": pa.date32(), "amount": pa.float64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])


def test_s4_a_planted_rule_refuses_a_table_body(planted: Fault, tmp_path: Path) -> None:
    (tmp_path / tables.BODY).write_bytes(written(flat(planted), PARQUET))
    refused = refusal(tmp_path, PARQUET, grain=grain(planted))
    assert set(refused.more["faults"]) == {planted.name}
    assert set(named(refused)) == {planted.name}


def test_s4_a_rule_without_a_form_in_python_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="rows"):
        Fault("x", Scope.ROW, "amount", "number = 13", "no", "mend")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="the rule x needs its predicate in Python"):
        Fault("x", Scope.ROW, "amount", "number = 13", "no", "mend", None)  # type: ignore[arg-type]


def test_s4_the_types_of_a_request_hold_the_rules_of_today() -> None:
    assert {rule.name for rule in FAULTS} == HELD  # a further rule is judged by the slower second pass


def refusal(folder: Path, kind: str, columns: dict[str, str] | None = None, **options: str) -> Refused:
    """Why the body in a folder is refused."""
    asked = tables.Asked(kind, "application/json", {"today": TODAY, **options}, columns or {})
    with pytest.raises(Refused) as caught:
        tables.compute(str(folder), asked, memory="500MB", threads=1)
    return caught.value


def named(refused: Refused) -> dict[str, int]:
    """What metrics and logs call the faults of a refusal."""
    reason = reasons.read(refused.reply("/x").body)
    assert reason is not None
    return reason.faults


HEADER = "customer_id,transaction_id,date,amount,product_id,loyalty_score"
GOOD = "c,t,2025-01-01,1.5,p,"
OVER_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "missing_customer_id": (",t,2025-01-01,1.5,p,", {}),
    "missing_transaction_id": ("c,,2025-01-01,1.5,p,", {}),
    "missing_product_id": ("c,t,2025-01-01,1.5,,", {}),
    "missing_date": ("c,t,,1.5,p,", {}),
    "unreadable_date": (f"{GOOD}\nc,u,2025-02-30,1.5,p,", {}),
    "future_date": ("c,t,2025-04-25,1.5,p,", {}),
    "missing_amount": ("c,t,2025-01-01,,p,", {}),
    "unreadable_amount": (f"{GOOD}\nc,u,2025-01-01,x [negative_amount],p,", {}),
    "amount_out_of_range": ("c,t,2025-01-01,1e12,p,", {}),
    "negative_amount": ("c,t,2025-01-01,-1,p,", {}),
    "unreadable_row": (f"{GOOD}\nc,u,2025-01-01,1.5,p,,x,y", {}),
    "conflicting_order_total": (f"{GOOD}\nc,t,2025-01-01,2.5,p,", {"grain": "repeated_total"}),
    "conflicting_order_date": (f"{GOOD}\nc,t,2025-01-02,1.5,p,", {"grain": "repeated_total"}),
    "loyalty_out_of_range": ("c,t,2025-01-01,1.5,p,7", {}),
    "conflicting_loyalty": (f"{GOOD}0.5\nc,u,2025-01-01,1.5,p,0.6", {}),
    "only_returns": ("c,t,2025-01-01,-1,p,", {"returns": "net"}),
    "total_out_of_range": ("\n".join(f"c,{number},2025-01-01,1e11,p," for number in range(901)), {}),
}
"""A table body that has each fault, and the query that it goes with."""


def test_s2_every_fault_that_a_table_can_have_is_among_the_cases() -> None:
    assert set(OVER_TABLES) == {
        rule.name
        for rule in FAULTS
        if rule.scope is not Scope.REQUEST and rule.name not in ("unreadable_id", "incomplete_customer")
    }


@pytest.mark.parametrize("fault", OVER_TABLES)
def test_s2_metrics_and_logs_name_the_fault_of_a_table(fault: str, tmp_path: Path) -> None:
    rows, options = OVER_TABLES[fault]
    (tmp_path / tables.BODY).write_text(f"{HEADER}\n{rows}\n")
    assert set(named(refusal(tmp_path, CSV, **options))) == {fault}


@pytest.mark.parametrize(
    ("score", "found"), [("0.5", "the string '0.5'"), (True, "true"), ([], "an array"), ({}, "an object")]
)
def test_s5_a_loyalty_score_of_another_type_is_told_so(score: object, found: str) -> None:
    customer = {"customer_id": "c", "loyalty_score": score, "transactions": [ROW]}
    with pytest.raises(InvalidRequest) as caught:
        answer(json.dumps({"today": TODAY, "customers": [customer]}).encode())
    said = f"loyalty_score must be a number from 0 to 1, found {found}"
    assert caught.value.errors == {"customers[0].loyalty_score": [said]}
    assert reasons.name_of(said) == "loyalty_out_of_range"


SENTENCES: list[tuple[bytes, str, str]] = [
    (b"", CSV, "The body is empty"),
    (b"a,b,amount,amount\n1,2,3,4\n", CSV, "Two columns of the body are named 'amount'; give each its own name."),
    (
        "kündin,x\n1,2\n".encode("latin-1"),
        CSV,
        "The body cannot be read: its header holds bytes that are not UTF-8; send it in UTF-8.",
    ),
    (b"PK\x03\x04xxxxxxxxxxxxxxxxxxxx", CSV, "The body is a spreadsheet or a zip archive"),
    (b"garbage", PARQUET, "The body cannot be read as parquet"),
    (b"{", NDJSON, "The body "),
]


@pytest.mark.parametrize(("body", "kind", "says"), SENTENCES)
def test_s5_a_refusal_of_a_table_is_a_sentence(body: bytes, kind: str, says: str, tmp_path: Path) -> None:
    (tmp_path / tables.BODY).write_bytes(body)
    refused = refusal(tmp_path, kind)
    assert refused.name == "malformed-table"
    assert refused.detail.startswith(says)
    assert refused.detail.endswith(".")
    assert "--" not in refused.detail  # options of the command line are none of a request


BYTES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda customer: {**customer, "customer_id": b"a"}, "customer_id is of type bytes, found b'a'"),
    (lambda customer: {**customer, "customer_id": bytearray(b"a")}, "customer_id is of type bytearray"),
    (
        lambda customer: {**customer, "transactions": [ROW, {**ROW, "product_id": b"\xff"}]},
        "transactions[1].product_id is of type bytes",
    ),
    (
        lambda customer: {**customer, "transactions": ({**ROW, "transaction_id": memoryview(b"a")},)},
        "transactions[0].transaction_id is of type memoryview",
    ),
]


@pytest.mark.parametrize(("change", "says"), BYTES)
def test_s5_the_client_refuses_bytes(change: Callable[[Any], Any], says: str) -> None:
    customer = {"customer_id": "a", "transactions": [ROW]}
    assert json.loads(as_json(customer, 0)) == customer
    with pytest.raises(SourceError) as caught:
        as_json(change(customer), 3)
    assert f"customers[3]: {says}" in str(caught.value)
    assert "text is required" in str(caught.value)
