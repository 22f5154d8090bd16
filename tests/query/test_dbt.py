"""The dbt model: a project of dbt-duckdb with real tests builds, and its vectors are those of every other door."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from customer_features.definition import features
from customer_features.query import dbt
from customer_features.query.dialects import dialect
from customer_features.query.generate import portable
from tests.installed import prepared

MAPPED = {"transaction_id": "order_id", "date": "order_date", "amount": "total", "product_id": "sku"}
TEXT = {"date": "VARCHAR", "amount": "VARCHAR"}


def files(name: str = "duckdb", *, table: str = "purchases", faults: bool = False, **given: Any) -> dict[str, str]:
    choices: dict[str, Any] = {"columns": MAPPED, "types": TEXT, "today": None, "loyalty": None, "max_points": None}
    choices |= given
    return dbt.files(portable(dialect(name), table=table, **choices), table, choices["loyalty"], faults)


def test_every_feature_is_described_and_tested() -> None:
    made = files()
    ((model,), version) = (schema := yaml.safe_load(made["models/customer_features.yml"]))["models"], schema["version"]
    assert version == 2
    assert [column["name"] for column in model["columns"]] == ["customer_id", *features.names()]
    assert model["columns"][0]["data_tests"] == ["unique", "not_null"]
    for column, feature in zip(model["columns"][1:], features.FEATURES, strict=True):
        assert feature.meaning in column["description"]
        assert feature.formula in column["description"]
        assert column["data_tests"] == ["not_null"]
    ranges = made["tests/customer_features_in_range.sql"]
    assert '"visit_frequency" < 1' in ranges
    assert '"loyalty_score" > 1' in ranges
    assert '"purchase_total" < 0' in ranges
    assert "purchase_total" not in files(returns="net")["tests/customer_features_in_range.sql"]


@pytest.mark.parametrize(
    ("table", "reference"),
    [
        ("purchases", "{{ ref('purchases') }}"),
        ("shop.orders", "{{ source('shop', 'orders') }}"),
        ('"Shop"."Order lines"', "{{ source('Shop', 'Order lines') }}"),
        ("it's", "{{ ref('it\\'s') }}"),
    ],
)
def test_tables_are_models_or_sources(table: str, reference: str) -> None:
    model = files(table=table)["models/customer_features.sql"]
    assert model.count(f"FROM {reference}") == 1
    assert model.startswith('{{ config(materialized="table") }}\n-- ')


def test_loyalty_is_a_model_too() -> None:
    assert "FROM {{ ref('members') }}" in files(loyalty="members")["models/customer_features.sql"]


PROJECT = {
    "dbt_project.yml": 'name: shop\nversion: "1.0"\nprofile: shop\n',
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n",
}


@pytest.mark.slow
def test_a_project_of_dbt_builds_and_its_tests_pass(tmp_path: Path) -> None:
    command = prepared("dbt") / "bin" / "dbt"
    project = tmp_path / "project"
    for name, text in PROJECT.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    (project / "seeds").mkdir()
    shutil.copy("examples/purchases.csv", project / "seeds")

    def build() -> str:
        ran = subprocess.run(
            [command, "build", "--profiles-dir", ".", "--no-use-colors"],
            cwd=project,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def write(made: dict[str, str]) -> None:
        for name, text in made.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text)

    write(files(today="2025-04-24"))
    write(files(today="2025-04-24", faults=True))
    assert "PASS=15 WARN=0 ERROR=0 SKIP=0" in build()
    with duckdb.connect(str(project / "shop.duckdb"), read_only=True) as connection:
        assert connection.sql("FROM customer_features").fetchall() == [
            ("C-1001", 918.95, 2.0, 459.48, 2.0, 0.0, 3.0),
            ("C-1002", 195.9, 2.0, 97.95, 2.0, 0.0, 109.0),
            ("C-1003", 12.5, 1.0, 12.5, 1.0, 0.0, 54.0),
        ]
        assert connection.sql("SELECT fault, transaction_id FROM customer_features_faults").fetchall() == [
            ("unreadable_date", "T-006")
        ]
    write(files(today=["2025-01-31", "2025-04-30"], future="exclude"))
    assert "ERROR=0" in build()
    # Its tests bite: a vector out of its range fails the build.
    model = project / "models/customer_features.sql"
    model.write_text(f"SELECT * REPLACE (-1.0 AS recency_days) FROM (\n{model.read_text().partition(chr(10))[2]}\n)")
    with pytest.raises(AssertionError, match="FAIL "):
        build()
