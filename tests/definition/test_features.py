"""The table of features, and a seventh that is found through every door without another edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import customer_features
from customer_features.definition import features
from customer_features.definition.features import FEATURES, Feature, Measures
from tests.conftest import EXAMPLE, EXAMPLE_VECTORS, Cli, example_columns

MEASURES = Measures(
    today=739365, units=[9189500, -150], visits=[2, 1], products=[2, 1], last_day=[739362, 739365], loyalty=[0.97, -0.0]
)


def test_the_six_in_the_contracts_order() -> None:
    assert features.names() == (
        "purchase_total",
        "visit_frequency",
        "avg_ticket",
        "product_diversity",
        "loyalty_score",
        "recency_days",
    )


def test_values_over_columns() -> None:
    found = {feature.name: feature.values(MEASURES) for feature in FEATURES}
    assert found == {
        "purchase_total": [918.95, -0.01],
        "visit_frequency": [2.0, 1.0],
        "avg_ticket": [459.48, -0.01],
        "product_diversity": [2.0, 1.0],
        "loyalty_score": [0.97, 0.0],
        "recency_days": [3.0, 0.0],
    }
    assert all(type(value) is float for values in found.values() for value in values)
    assert str(found["loyalty_score"][1]) == "0.0"  # no negative zero


def test_ranges_as_people_write_them() -> None:
    assert {feature.name: feature.range for feature in FEATURES} == {
        "purchase_total": "≥ 0",
        "visit_frequency": "≥ 1",
        "avg_ticket": "≥ 0",
        "product_diversity": "≥ 1",
        "loyalty_score": "0 to 1",
        "recency_days": "≥ 0",
    }


def test_table_has_an_entry_for_each() -> None:
    table = features.table()
    assert [row[0] for row in table] == list(features.names())
    assert all(all(row) for row in table)


@pytest.fixture
def seventh() -> Iterator[Feature]:
    feature = Feature(
        name="products_per_visit",
        formula="product_diversity / visits",
        sql="CAST(products AS DOUBLE) / CAST(visits AS DOUBLE)",
        values=lambda m: [products / visits for products, visits in zip(m.products, m.visits, strict=True)],
        unit="products per visit",
        minimum=0,
        maximum=None,
        meaning="Breadth of a basket",
    )
    FEATURES.append(feature)
    yield feature
    FEATURES.remove(feature)


def test_a_seventh_feature_through_answer(seventh: Feature) -> None:
    answered = json.loads(customer_features.answer(json.dumps(EXAMPLE).encode()))
    for customer in answered["customers"]:
        assert tuple(customer["features"]) == (*features.names()[:6], "products_per_visit")
        assert tuple(customer["features"].values()) == (*EXAMPLE_VECTORS[customer["customer_id"]], 1.0)


def test_a_seventh_feature_through_build(seventh: Feature) -> None:
    built = customer_features.build(pa.table(example_columns()), today=EXAMPLE["today"])
    assert built.column_names == ["customer_id", *features.names()]
    assert built["products_per_visit"].to_pylist() == [1.0, 1.0]


def test_a_seventh_feature_through_the_command_line(seventh: Feature, cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "example.json"
    source.write_text(json.dumps(EXAMPLE))
    for suffix in ("parquet", "csv", "arrow"):
        ran = cli("build", source, "--out", tmp_path / f"out.{suffix}")
        assert ran.code == 0, ran.err
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.names[-1] == "products_per_visit"
    assert schema.field("products_per_visit") == pa.field("products_per_visit", pa.float64(), nullable=False)
    assert (tmp_path / "out.csv").read_text().splitlines()[0].endswith(",products_per_visit")
    with pa.ipc.open_file(tmp_path / "out.arrow") as reader:
        assert reader.read_all()["products_per_visit"].to_pylist() == [1.0, 1.0]
    helped = cli("--help")
    assert "products_per_visit" in helped.out
    assert "Breadth of a basket" in helped.out


def test_the_seventh_is_gone_again() -> None:
    answered = json.loads(customer_features.answer(json.dumps(EXAMPLE).encode()))
    assert tuple(answered["customers"][0]["features"]) == features.names()
    assert len(features.names()) == 6
