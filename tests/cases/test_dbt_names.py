"""A dbt project's tests name the columns of its model, as the warehouse reads names with and without quotes."""

from __future__ import annotations

import re

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from customer_features.query import dbt
from customer_features.query.dialects import DIALECTS, dialect
from customer_features.query.generate import portable

SEVERAL = ["2025-03-31", "2025-04-24"]


def files(name: str, today: object, faults: bool) -> dict[str, str]:
    made = portable(dialect(name), table="orders", columns={}, types={}, today=today, loyalty=None, max_points=None)
    return dbt.files(made, "orders", None, faults)


def parsed(text: str, name: str) -> exp.Expression:
    """SQL of a model or test, without dbt's own words."""
    plain = re.sub(r"\{\{ (ref|source)\(.*?\) \}\}", "some_relation", text.replace("{{ config", "{# config"))
    plain = re.sub(r"\{# config.*?\}\}", "", plain)
    return normalize_identifiers(sqlglot.parse_one(plain, read=dialect(name).sqlglot), dialect(name).sqlglot)


def read_as(name: str, column: str, quoted: bool) -> str:
    """A column's name as the warehouse reads it."""
    word = exp.column(exp.to_identifier(column, quoted=quoted))
    return str(normalize_identifiers(word, dialect(name).sqlglot).name)


@pytest.mark.parametrize("faults", [False, True], ids=["vectors", "faults"])
@pytest.mark.parametrize("today", ["2025-04-24", SEVERAL], ids=["one date", "several dates"])
@pytest.mark.parametrize("name", DIALECTS)
def test_s7_the_tests_name_the_columns_of_the_model(name: str, today: object, faults: bool) -> None:
    made = files(name, today, faults)
    [model] = [text for path, text in made.items() if path.startswith("models/") and path.endswith(".sql")]
    [schema] = [yaml.safe_load(text) for path, text in made.items() if path.endswith(".yml")]
    ranges = [text for path, text in made.items() if path.startswith("tests/")]
    columns = set(parsed(model, name).named_selects)
    described = schema["models"][0]["columns"]
    assert {read_as(name, column["name"], column.get("quote", False)) for column in described} <= columns
    for text in ranges:
        tested = {column.name for column in parsed(text, name).find_all(exp.Column)}
        assert tested
        assert tested <= columns
    for test in schema["models"][0].get("data_tests", []):
        key = normalize_identifiers(
            sqlglot.parse_one(test["unique"]["arguments"]["column_name"], read=dialect(name).sqlglot),
            dialect(name).sqlglot,
        )
        assert {column.name for column in key.find_all(exp.Column)} <= columns
