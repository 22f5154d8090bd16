"""The page on the service's paths, from its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from customer_features.service.documents import openapi
from customer_features.service.settings import Settings

Table = Callable[[list[str], list[list[str]]], str]
_SAME = "The same as "
"""So the description of a path begins to tell of which other it is a second name."""
_METHODS = ("get", "post", "put", "delete")


def document() -> dict[str, Any]:
    """The document of a service with credentials, as `serve` answers it at `/openapi.json` by default."""
    found: dict[str, Any] = json.loads(openapi.encoded(Settings()))
    return found


def paths(table: Table) -> Iterator[str]:
    """Every path and method: what it does, takes and answers; then the types of the documents."""
    whole = document()
    yield (
        "The service tells its paths at `/openapi.json` (OpenAPI 3.1, from which clients can be generated) and"
        " shows them at `/docs`. This page is made from that document. What an error's document holds stands on"
        " [errors of the service](problems.md), how the route is used on [the service](../service.md)."
    )
    for path, item in whole["paths"].items():
        for method in (method for method in _METHODS if method in item):
            yield f"## {method.upper()} {path}"
            yield from _operation(whole, item, item[method], table)
    yield "## Documents"
    for name, schema in whole["components"]["schemas"].items():
        yield f"### {name}"
        if "description" in schema:
            yield schema["description"]
        required = schema.get("required", ())
        rows = [
            [f"`{key}`", _type(value), "yes" if key in required else "", _meaning(value)]
            for key, value in schema.get("properties", {}).items()
        ]
        yield table(["Key", "Type", "Required", "Meaning"], rows) if rows else f"Type: {_type(schema)}."


def _operation(whole: dict[str, Any], item: dict[str, Any], one: dict[str, Any], table: Table) -> Iterator[str]:
    told = one.get("description") or f"{one['summary']}."
    yield told
    if _SAME in told:
        return
    given = [_resolved(whole, each) for each in (*item.get("parameters", ()), *one.get("parameters", ()))]
    if given:
        rows = [
            [f"`{each['name']}`", each["in"], _type(each["schema"]), _flat(each.get("description", ""))]
            for each in given
        ]
        yield table(["Parameter", "In", "Type", "Meaning"], rows)
    if "requestBody" in one:
        yield f"Body: {_bodies(one['requestBody']['content'])}."
    rows = []
    for status, answer in one["responses"].items():
        answer = _resolved(whole, answer)
        rows.append([status, _flat(answer["description"]), _bodies(answer.get("content", {}))])
    yield table(["Status", "Meaning", "Body"], rows)


def _resolved(whole: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """What a reference within the document stands for."""
    found: Any = whole
    if "$ref" not in one:
        return one
    for part in one["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _bodies(content: dict[str, Any]) -> str:
    return ", ".join(
        f"`{media_type}`" + (f" ({_type(body['schema'])})" if {"$ref", "anyOf", "oneOf"} & set(body["schema"]) else "")
        for media_type, body in content.items()
    )


def _type(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(map(_type, schema[several]))
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    kinds = schema.get("type", "any")
    said = " or ".join(kinds) if isinstance(kinds, list) else kinds
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "minLength": "length ≥", "maxLength": "length ≤"}
    more = [schema["format"]] if "format" in schema else []
    more += [f"{sign} {schema[bound]:,}" for bound, sign in bounds.items() if bound in schema]
    return f"{said} ({', '.join(more)})" if more else said


def _meaning(schema: dict[str, Any]) -> str:
    """What a key means, which a choice of types may say in one of them."""
    told = (one.get("description", "") for one in (schema, *schema.get("anyOf", ())))
    return _flat(next(filter(None, told), ""))


def _flat(text: str) -> str:
    return " ".join(text.split())
