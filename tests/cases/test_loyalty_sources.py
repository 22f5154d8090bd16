"""Scores in the rows and in a loyalty source, ids of both that nearly match, and scores that cannot be read."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import customer_features
from customer_features.errors import ColumnError, CustomerFeaturesError, DataFaults, InvalidOption, Suspicious
from tests import spark_door, warehouses
from tests.conftest import Cli
from tests.database import Database

TODAY = "2025-04-24"
TWICE = "'loyalty_score' holds loyalty scores, and so does "
OWN = {"loyalty_score": "loyalty_score"}


def rows(ids: list[str], scores: list[float | None] | None = None) -> pa.Table:
    count = len(ids)
    return pa.table(
        {
            "customer_id": ids,
            "order_id": [str(place) for place in range(count)],
            "date": ["2025-04-20"] * count,
            "amount": [3.5] * count,
            "sku": ["p"] * count,
            **({} if scores is None else {"loyalty_score": pa.array(scores, pa.float64())}),
        }
    )


def scored(ids: list[str], scores: list[Any]) -> pa.Table:
    return pa.table({"customer_id": ids, "loyalty_score": scores})


def of_frames(make: Any) -> Any:
    def door(table: pa.Table, scores: pa.Table, **given: Any) -> Any:
        found = customer_features.build(make(table), loyalty=make(scores), today=TODAY, **given)
        return found if isinstance(found, pa.Table) else pa.table({name: list(found[name]) for name in found.columns})

    return door


def clickhouse(table: pa.Table, scores: pa.Table, **given: Any) -> pa.Table:
    from customer_features import clickhouse as engine

    warehouses.put_into_clickhouse("loyal_rows", table)
    warehouses.put_into_clickhouse("loyal_scores", scores)
    session = warehouses.clickhouse_session()
    return engine.build(session, "loyal_rows", loyalty="loyal_scores", today=TODAY, **given)


def of_spark(session: Any) -> Any:
    def door(table: pa.Table, scores: pa.Table, **given: Any) -> pa.Table:
        from customer_features import spark as engine

        frames = spark_door.frame_of(session, table), spark_door.frame_of(session, scores)
        return engine.build(frames[0], loyalty=frames[1], today=TODAY, **given).toArrow()

    return door


DOORS = ("pandas", "polars", "pyarrow", "clickhouse", "spark")


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Any:
    """The Python doors that take scores beside rows."""
    if request.param == "spark":
        return of_spark(request.getfixturevalue("spark_session"))
    frames: dict[str, Any] = {"pandas": pa.Table.to_pandas, "polars": pl.from_arrow, "pyarrow": lambda table: table}
    return clickhouse if request.param == "clickhouse" else of_frames(frames[request.param])


def score_of(vectors: pa.Table) -> dict[str, float]:
    return dict(zip(vectors["customer_id"].to_pylist(), vectors["loyalty_score"].to_pylist(), strict=True))


def test_scores_of_two_sources_are_refused(door: Any) -> None:
    table, scores = rows(["A", "B"], [0.9, 0.8]), scored(["A"], [0.5])
    with pytest.raises(ColumnError) as refused:
        door(table, scores)
    assert TWICE in str(refused.value)
    assert "columns={'loyalty_score': 'loyalty_score'}" in str(refused.value)
    assert score_of(door(table, scores, columns=OWN)) == {"A": 0.5, "B": 0.0}
    assert score_of(door(rows(["A", "B"], [None, None]), scores)) == {"A": 0.5, "B": 0.0}


def test_constants_do_not_go_with_scores(door: Any) -> None:
    for field in ("loyalty_score", "customer_id"):
        with pytest.raises(InvalidOption, match=f"{field} does not go with loyalty"):
            door(rows(["A"]), scored(["A"], [0.5]), constant={field: "0.5"})


@pytest.mark.parametrize(("bought", "of_score"), [("a@x", "A@x"), ("G", " G"), ("17850", "17850.0")])
def test_scores_whose_ids_nearly_match_are_told(bought: str, of_score: str, door: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vectors = door(rows([bought, "b@x"]), scored([of_score, "b@x"], [0.5, 0.6]))
    assert score_of(vectors) == {bought: 0.0, "b@x": 0.6}
    [said] = [str(one.message) for one in caught if one.category is Suspicious]
    assert said.startswith("near_loyalty_ids: ")
    assert f"1 customer, e.g. '{bought}' has rows and '{of_score}' a score; write the ids of both alike" in said


def test_ids_that_differ_otherwise_are_no_near_matches(door: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Suspicious)
        door(rows(["a@x", "b@x"]), scored(["a@y", "b@x"], [0.5, 0.6]))


def test_a_score_that_is_no_number_cannot_be_read(door: Any) -> None:
    with pytest.raises(DataFaults) as refused:
        door(rows(["A", "B"]), scored(["A", "B"], ["high", "1.5"]))
    said = {one.message for one in refused.value.found}
    source = "loyal_scores" if door is clickhouse else "loyalty"
    assert said == {
        f"loyalty_score 'high' in {source} cannot be read: allowed is a number from 0 to 1, or nothing",
        f"loyalty_score 1.5 in {source} is out of range: allowed is a number from 0 to 1, or nothing",
    }
    assert refused.value.counts == {"loyalty_out_of_range": 2}


# -- the command line ----------------------------------------------------------------------------------------

HEADER = "customer_id,order_id,date,amount,sku"


def built(cli: Cli, folder: Path, text: str, scores: str, *options: object) -> Any:
    (folder / "a.csv").write_text(text)
    (folder / "l.csv").write_text(scores)
    words = ("--loyalty", folder / "l.csv", "--today", TODAY, "--out", folder / "f.csv", *options)
    return cli("build", folder / "a.csv", *words)


def test_scores_in_two_files_are_refused_and_one_can_be_chosen(cli: Cli, tmp_path: Path) -> None:
    text = f"{HEADER},loyalty_score\nA,1,2025-04-20,3.5,p,0.9\nB,1,2025-04-20,3.5,p,0.8\n"
    ran = built(cli, tmp_path, text, "customer_id,loyalty_score\nA,0.5\n")
    assert ran.code == 2
    assert f"{tmp_path}/a.csv: {TWICE}{tmp_path}/l.csv" in ran.err
    assert "with --map loyalty_score=loyalty_score (in Python" in ran.err
    ran = built(cli, tmp_path, text, "customer_id,points\nA,5\n", "--max-points", "10")
    assert ran.code == 2
    option = ("--map", 'loyalty_score="points" / 10')
    assert f"with --map '{option[1]}' in the place of max_points" in ran.err
    ran = built(cli, tmp_path, text, "customer_id,points\nA,5\n", *option)
    assert ran.code == 0, ran.err
    assert pd.read_csv(tmp_path / "f.csv")["loyalty_score"].tolist() == [0.5, 0.0]


def test_what_would_be_thrown_away_is_refused_before_anything_is_read(cli: Cli, tmp_path: Path) -> None:
    for words, says in (
        (("--constant", "loyalty_score=0.5"), "--constant: loyalty_score does not go with loyalty"),
        (("--constant", "customer_id=shop"), "--constant: customer_id does not go with loyalty"),
        (("--map", "loyalty_score=x", "--max-points", "9"), "--max-points: makes the score of the loyalty source's"),
    ):
        ran = cli("build", tmp_path / "none.csv", "--loyalty", tmp_path / "no.csv", "--out", tmp_path / "f", *words)
        assert (ran.code, says in ran.err) == (2, True), ran.err


def test_the_columns_of_the_loyalty_file_are_stated(cli: Cli, tmp_path: Path) -> None:
    text = "email,order_id,date,amount,sku\nA@x,1,2025-04-20,3.5,p\nb@x,1,2025-04-20,3.5,p\n"
    scores = "customer_id,loyalty\nA@x,0.5\nb@x,0.6\n"
    ran = built(cli, tmp_path, text, scores, "--map", "customer_id=lower(email)")
    assert ran.code == 0, ran.err
    assert f"; of {tmp_path}/l.csv: customer_id = customer_id, loyalty_score = loyalty\n" in ran.err
    assert "e.g. 'a@x' has rows and 'A@x' a score" in ran.err
    manifest = json.loads((tmp_path / "f.csv.manifest.json").read_text())
    assert manifest["loyalty"]["mapping"] == {"customer_id": "customer_id", "loyalty_score": "loyalty"}
    assert [one["name"] for one in manifest["warnings"]] == ["near_loyalty_ids"]


@pytest.mark.parametrize(
    ("score", "words", "says"),
    [
        (
            "0.5",
            ("--decimal", ","),
            "'0.5' in {} cannot be read: {}; a decimal point is read without --decimal , alone",
        ),
        ('"0,5"', (), "'0,5' in {} cannot be read: {}; a decimal comma is read with --decimal , alone"),
        ('"1,5"', ("--decimal", ","), "1,5 in {} is out of range: {}"),
        (
            "high",
            ("--map", "loyalty_score=loyalty_score / 2"),
            "'high' in column 'loyalty_score' in {} cannot be read: {}",
        ),
    ],
)
def test_a_faulty_score_names_its_file_and_why(
    score: str, words: tuple[str, ...], says: str, cli: Cli, tmp_path: Path
) -> None:
    amount = '"3,5"' if "--decimal" in words else "3.5"
    ran = built(
        cli, tmp_path, f"{HEADER}\nA,1,2025-04-20,{amount},p\n", f"customer_id,loyalty_score\nA,{score}\n", *words
    )
    assert ran.code == 1, ran.err
    allowed = "allowed is a number from 0 to 1, or nothing"
    assert f"row 1: loyalty_score {says.format(tmp_path / 'l.csv', allowed)} [loyalty_out_of_range]" in ran.err


def test_points_are_shown_with_what_they_are_divided_by(cli: Cli, tmp_path: Path) -> None:
    ran = built(cli, tmp_path, f"{HEADER}\nA,1,2025-04-20,1,p\n", "customer_id,points\nA,15\n", "--max-points", "10")
    assert f"loyalty_score 15 / 10 in {tmp_path}/l.csv is out of range" in ran.err


def test_push_down_says_the_same(database: Database, cli: Cli, tmp_path: Path) -> None:
    scores = tmp_path / "l.csv"
    scores.write_text("customer_id,loyalty_score\nA,0.5\nB,high\n")
    words = ("--loyalty", scores, "--today", TODAY, "--out", tmp_path / "f.csv", "--max-faults", "1", "--push-down")
    database.load("loyal", rows(["a", "B"], [0.9, None]))
    ran = cli("build", database.table("loyal"), *words)
    assert (ran.code, f"{TWICE}{scores}" in ran.err) == (2, True), ran.err
    ran = cli("build", database.table("loyal"), *words, "--map", "loyalty_score=loyalty_score")
    assert ran.code == 0, ran.err
    assert f"; of {scores}: customer_id = customer_id, loyalty_score = loyalty_score\n" in ran.err
    assert "e.g. 'a' has rows and 'A' a score" in ran.err
    [message] = pd.read_csv(tmp_path / "f.csv.quarantine.csv")["message"]
    assert message.startswith(f"loyalty_score 'high' in {scores} cannot be read: ")


def test_printed_sql_reads_the_mapped_score_of_the_table() -> None:
    import duckdb

    given: dict[str, Any] = {"today": TODAY, "loyalty": "members", "types": {"date": "VARCHAR"}}
    mapping = {"transaction_id": "order_id", "product_id": "sku", "loyalty_score": "points / 10"}
    with duckdb.connect() as connection:
        connection.register("transactions", rows(["A", "B"], [0.9, 0.8]))
        connection.register("members", pa.table({"customer_id": ["A", "B"], "points": [5.0, 15.0]}))
        vectors = connection.sql(customer_features.sql("duckdb", columns=mapping, **given)).to_arrow_table()
        assert score_of(vectors) == {"A": 0.5}
        faulty = connection.sql(customer_features.sql("duckdb", columns=mapping, faults=True, **given)).fetchall()
        assert faulty[0][2].startswith("loyalty_score 1.5 in members is out of range")
    for field in ("customer_id", "loyalty_score"):
        with pytest.raises(CustomerFeaturesError, match=f"{field} does not go with loyalty"):
            customer_features.sql("duckdb", constant={field: "0.5"}, **given)
