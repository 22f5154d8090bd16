"""A dbt model of the vectors: the query, its schema file with descriptions and tests, and a test of ranges."""

from __future__ import annotations

import re
from typing import Any

from customer_features.definition import features
from customer_features.errors import MissingExtra
from customer_features.query.printing import text_of
from customer_features.query.steps import Portable

try:
    import yaml
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("a dbt schema file", "sql") from error

MODEL = "customer_features"


def files(made: Portable, table: str, loyalty: str | None, faults: bool) -> dict[str, str]:
    """The files of a dbt project, by their paths in it; ``faults``: of the listing of faulty rows instead."""
    name = f"{MODEL}_faults" if faults else MODEL
    query = text_of(made, faults)
    for read, relation in ((table, made.source.relation), (loyalty, made.loyalty and made.loyalty.relation)):
        if read and relation:
            query = query.replace(f"FROM {relation}", f"FROM {_reference(read)}")
    config = '{{ config(materialized="table") }}'
    found = {
        f"models/{name}.sql": f"{config}\n{query}",
        f"models/{name}.yml": _schema(made, name, faults),
    }
    if not faults:
        found[f"tests/{name}_in_range.sql"] = _ranges(made, name)
    return found


def _reference(table: str) -> str:
    """What dbt calls a table by: a model or seed by its name, a source by both of its."""
    parts = re.findall(r'"(?:[^"]|"")+"|`[^`]+`|[^.]+', table)
    names = [part.strip('"`').replace('""', '"').replace("'", "\\'") for part in parts]
    if len(names) >= 2:
        return f"{{{{ source('{names[-2]}', '{names[-1]}') }}}}"
    return f"{{{{ ref('{names[-1]}') }}}}"


def _schema(made: Portable, name: str, faults: bool) -> str:
    """The schema file: each column's meaning, and what dbt is to test of it."""
    filled = ["not_null"]
    tests: list[object] = []
    columns: list[dict[str, Any]]
    if faults:
        described = "Rows that are left out of the vectors, each once, with all its faults."
        columns = [
            {"name": "fault", "description": "The first fault of the row, by which it is filed.", "data_tests": filled},
            {"name": "faults", "description": "All of them, separated by commas.", "data_tests": filled},
            {"name": "message", "description": "What was found and what is allowed.", "data_tests": filled},
        ]
    else:
        several = bool(made.options.as_of)
        described = "One exact feature vector per customer" + (" and as-of date." if several else ".")
        key = ["not_null"] if several else ["unique", "not_null"]
        columns = [{"name": "customer_id", "description": "The customer's id, as text.", "data_tests": key}]
        if several:
            columns.append({"name": "as_of", "description": "The date of the vector.", "data_tests": filled})
            text = made.dialect.text("as_of")
            tests.append({"unique": {"arguments": {"column_name": f"(customer_id || '@' || {text})"}}})
        columns += [
            {
                "name": feature.name,
                "quote": True,  # as in the model: without quotes some warehouses read names in upper case
                "description": f"{feature.meaning}: {feature.formula} ({feature.unit}, {feature.range}).",
                "data_tests": filled,
            }
            for feature in features.FEATURES
        ]
    model = {"name": name, "description": described, **({"data_tests": tests} if tests else {}), "columns": columns}
    dumped: str = yaml.dump(
        {"version": 2, "models": [model]}, Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True
    )
    return dumped


class _Plain(yaml.SafeDumper):
    """Lists that recur are written out each time."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _ranges(made: Portable, name: str) -> str:
    """A test that no feature leaves its range; dbt takes the rows that it gives for failures."""
    net = made.options.returns == "net"
    outside = []
    for feature in features.FEATURES:
        # What returns take away may leave less than nothing.
        name_in_model = made.dialect.quoted(feature.name)
        if feature.minimum is not None and not (net and feature.unit.startswith("currency")):
            outside.append(f"{name_in_model} < {feature.minimum:g}")
        if feature.maximum is not None:
            outside.append(f"{name_in_model} > {feature.maximum:g}")
    where = "\n   OR ".join(outside)
    return f"-- No feature leaves its range.\nSELECT *\nFROM {{{{ ref('{name}') }}}}\nWHERE {where}\n"
