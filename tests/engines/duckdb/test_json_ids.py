"""Ids that are none: what an expression reads whole, and what stands inside a column. More in tests/cases."""

from __future__ import annotations

import pytest

from customer_features.engines.duckdb.json_ids import holds_objects, inside_json, unreadable
from customer_features.query.columns import Mapped, resolve
from customer_features.sources.parts import Part


def mapped(sql: str) -> Mapped:
    return Mapped(sql, sql, recognised=False)


def test_what_stands_inside_a_column_of_json() -> None:
    fields = resolve(["c"], {"customer_id": 'upper(c.d."my id")'}, "t", ["customer_id"], [])
    found = inside_json(fields["customer_id"]).sql
    assert found == """UPPER(CASE WHEN JSON_VALID("c") THEN "c" ->> '$.d."my id"' END)"""
    assert inside_json(mapped('"c"')).sql == '"c"'


@pytest.mark.parametrize(
    ("sql", "expected"),
    [('"c"', "odd"), ('LOWER("c")', "odd"), ("\"c\" ->> '$.id'", "json_type"), ('"d"', None)],
)
def test_only_what_is_read_whole_is_judged_whole(sql: str, expected: str | None) -> None:
    part = Part("t", "read_json({files})", {"c": "VARCHAR", "d": "VARCHAR"}, unreadable={"c": "odd"})
    found = unreadable(part, {"customer_id": mapped(sql)}).get("customer_id")
    assert found == expected if found is None else expected in found


def test_the_refusal_proposes_a_path_that_can_be_mapped() -> None:
    said = str(holds_objects("t", "customer_id", "c", ["e mail", "id", *"xyzw"]))
    assert (
        'inside are c."e mail", c.id, c.x, c.y, c.z and 1 more; map what is the id, e.g. --map customer_id=c.id' in said
    )
    assert "--map customer_id='c.\"e mail\"'" in str(holds_objects("t", "customer_id", "c", ["e mail"]))
    assert "empty objects" in str(holds_objects("t", "customer_id", "c", []))
