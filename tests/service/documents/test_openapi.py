"""The OpenAPI document: whole, sound, and made from the definition."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from openapi_spec_validator import validate

from customer_features.definition import features
from customer_features.definition.features import FEATURES, Feature
from customer_features.engines.rows import engine as rows
from customer_features.service import app, content
from customer_features.service.bodies import tables
from customer_features.service.bodies.jobs import JOBS
from customer_features.service.content import CSV, NDJSON
from customer_features.service.documents import contract, openapi, openapi_tables
from customer_features.service.route import PATHS
from customer_features.service.settings import MAX_BODY, Settings
from tests.service.harness import EXAMPLE, Running
from tests.service.test_route import CONTRACTS_ANSWER

FAULTS = {"400", "401", "404", "405", "406", "408", "413", "414", "415", "422", "429", "500", "503"}


@pytest.fixture(scope="module")
def served(server: Running) -> dict[str, Any]:
    reply = server.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    document: dict[str, Any] = reply.json()
    return document


def resolve(document: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        place: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


def nodes(node: Any) -> list[dict[str, Any]]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [*([node] if isinstance(node, dict) else []), *(found for child in inner for found in nodes(child))]


def test_every_reference_leads_somewhere(served: dict[str, Any]) -> None:
    references = [node for node in nodes(served) if isinstance(node.get("$ref"), str)]
    assert len(references) > 30
    assert all(isinstance(resolve(served, node), dict) for node in references)


def test_the_document_is_structurally_sound(served: dict[str, Any]) -> None:
    assert served["openapi"] == "3.1.0"
    assert {"title", "version"} <= served["info"].keys()
    jobs = {f"{JOBS}/{{job_id}}", f"{JOBS}/{{job_id}}/result"}
    assert set(served["paths"]) == {*PATHS, *jobs, "/health", "/ready", "/openapi.json", "/docs"}
    operations = [
        operation for path in served["paths"].values() for verb, operation in path.items() if verb != "parameters"
    ]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        for status, reply in operation["responses"].items():
            assert status.isdigit()
            described = resolve(served, reply)
            assert described["description"]
            for media in described.get("content", {}).values():
                assert media["schema"]
            assert "X-Request-Id" in described["headers"]


@pytest.mark.parametrize("path", PATHS)
def test_the_route_has_every_answer(served: dict[str, Any], path: str) -> None:
    operation = served["paths"][path]["post"]
    assert set(operation["responses"]) == {"200", "202", *FAULTS}
    for status in FAULTS:
        reply = resolve(served, operation["responses"][status])
        media = reply["content"]["application/problem+json"]
        schema = resolve(served, media["schema"])
        schemas = [resolve(served, part) for part in schema.get("anyOf", [schema])]
        for schema in schemas:
            assert {"type", "title", "status", "detail", "instance"} <= set(schema["required"])
        for example in media["examples"].values():
            assert example["value"]["status"] == int(status)
            assert any(set(schema["required"]) <= example["value"].keys() for schema in schemas)
    headers = {status: set(resolve(served, operation["responses"][status]).get("headers", {})) for status in FAULTS}
    assert headers["405"] == {"Allow", "X-Request-Id"}
    assert headers["503"] == {"Retry-After", "X-Request-Id"}
    assert headers["429"] == {"Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"}


def test_the_security_schemes_are_the_contracts_headers(served: dict[str, Any]) -> None:
    schemes = served["components"]["securitySchemes"]
    assert {(scheme["type"], scheme["in"], scheme["name"]) for scheme in schemes.values()} == {
        ("apiKey", "header", "X-Customer-Api-Id"),
        ("apiKey", "header", "X-Secret"),
    }
    # Both at once, and not either of them.
    assert [set(requirement) for requirement in served["security"]] == [set(schemes)]
    assert served["paths"]["/health"]["get"]["security"] == []


def test_the_examples_are_the_contracts(served: dict[str, Any]) -> None:
    operation = served["paths"][PATHS[0]]["post"]
    assert operation["requestBody"]["content"]["application/json"]["examples"]["contract"]["value"] == (
        msgspec.json.decode(EXAMPLE)
    )
    answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert answers["contract"]["value"] == CONTRACTS_ANSWER


def test_the_document_is_valid_openapi(served: dict[str, Any]) -> None:
    validate(served)


@pytest.mark.parametrize("path", PATHS)
def test_every_request_example_is_answered_by_its_answer(server: Running, served: dict[str, Any], path: str) -> None:
    operation = served["paths"][path]["post"]
    requests = operation["requestBody"]["content"]["application/json"]["examples"]
    answers = {
        name: (int(status), example["value"])
        for status, reply in operation["responses"].items()
        for media in resolve(served, reply)["content"].values()
        for name, example in media.get("examples", {}).items()
    }
    assert len(requests) >= 5
    for name, request in requests.items():
        reply = server.post(msgspec.json.encode(request["value"]), path=path)
        status, answer = answers[name]
        assert reply.status_code == status, name
        assert reply.json() == {**answer, **({"instance": path} if status == 422 else {})}, name
    assert {status for status, _ in (answers[name] for name in requests)} == {200, 422}


def test_the_problem_examples_are_what_the_service_says(server: Running, served: dict[str, Any]) -> None:
    examples = {
        name: example["value"]
        for reply in served["components"]["responses"].values()
        for name, example in reply["content"]["application/problem+json"]["examples"].items()
    }
    missing = examples["not-found"]["instance"]
    for name, reply in {
        "malformed-json": server.post(b'{"customers": ['),
        "unauthorized": server.post(X_Secret="wrong"),
        "not-found": server.post(path=missing),
        "method-not-allowed": server.get(PATHS[0]),
        "unsupported-media-type": server.post(Content_Type=""),
        "body-too-large": server.post(b" " * (MAX_BODY + 1)),
    }.items():
        assert reply.json() == examples[name], name


def test_the_request_schema_is_the_contracts(served: dict[str, Any]) -> None:
    body = served["paths"][PATHS[0]]["post"]["requestBody"]["content"]["application/json"]
    request = resolve(served, body["schema"])
    assert set(request["properties"]) == {"today", "customers", "grain", "future", "returns", "window"}
    assert request["required"] == ["customers"]
    customer = resolve(served, request["properties"]["customers"]["items"])
    assert set(customer["required"]) == {"customer_id", "transactions"}
    transactions = customer["properties"]["transactions"]
    assert transactions["minItems"] == 1
    transaction = resolve(served, transactions["items"])
    assert set(transaction["required"]) == {"transaction_id", "date", "amount", "product_id"}
    assert transaction["properties"]["date"]["format"] == "date"
    assert transaction["properties"]["amount"]["minimum"] == 0
    assert transaction["properties"]["amount"]["maximum"] == 1e11
    loyalty = customer["properties"]["loyalty_score"]["anyOf"]
    assert any((part.get("minimum"), part.get("maximum")) == (0, 1) for part in loyalty)
    choices = {
        name: resolve(served, next(part for part in request["properties"][name]["anyOf"] if "$ref" in part))["enum"]
        for name in ("grain", "future", "returns")
    }
    assert choices == {
        "grain": ["line", "repeated_total", "transaction"],
        "future": ["exclude", "fault"],
        "returns": ["fault", "net"],
    }


def test_each_feature_has_its_range_unit_formula_and_meaning(served: dict[str, Any]) -> None:
    answer = served["components"]["schemas"]["CustomerFeaturesAnswer"]
    assert answer["required"] == ["customers"]
    assert "warnings" in answer["properties"]
    vector = served["components"]["schemas"]["Features"]
    assert vector["required"] == [feature.name for feature in FEATURES]
    for feature in FEATURES:
        schema = vector["properties"][feature.name]
        assert schema["type"] == "number"
        assert schema.get("minimum") == feature.minimum
        assert schema.get("maximum") == feature.maximum
        assert schema["x-unit"] == feature.unit
        assert schema["x-formula"] == feature.formula
        assert feature.meaning in schema["description"]


def test_the_documented_types_are_the_engines() -> None:
    for documented, engine in [
        (contract.CustomerFeaturesRequest, rows.Request),
        (contract.Customer, rows.Customer),
        (contract.Transaction, rows.Transaction),
        (contract.FeatureWarning, rows.Warning_),
    ]:
        ours = {field.encode_name: field.required for field in msgspec.structs.fields(documented)}
        theirs = {field.encode_name: field.required for field in msgspec.structs.fields(engine)}
        assert ours == theirs
    # The example is a request of that type.
    msgspec.json.decode(EXAMPLE, type=contract.CustomerFeaturesRequest)


async def _ask(method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app.build(Settings(auth=False)))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, **more)


def test_a_seventh_feature_is_found_without_another_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    seventh = Feature(
        name="units_total",
        formula="SUM(units)",
        sql="CAST(units AS DOUBLE)",
        values=lambda m: [float(units) for units in m.units],
        unit="ten-thousandths",
        minimum=0,
        maximum=None,
        meaning="Spend before rounding",
    )
    monkeypatch.setattr(features, "FEATURES", [*FEATURES, seventh])
    document = asyncio.run(_ask("GET", "/openapi.json")).json()
    schema = document["components"]["schemas"]["Features"]
    assert schema["required"][-1] == "units_total"
    assert schema["properties"]["units_total"]["x-unit"] == "ten-thousandths"
    example = document["paths"][PATHS[0]]["post"]["responses"]["200"]["content"]["application/json"]["examples"][
        "contract"
    ]["value"]
    assert example["customers"][0]["features"]["units_total"] == 9189500.0
    reply = asyncio.run(_ask("POST", PATHS[0], content=EXAMPLE, headers={"Content-Type": "application/json"}))
    assert list(reply.json()["customers"][0]["features"])[-1] == "units_total"
    assert reply.json() == example


def test_without_credentials_the_document_asks_for_none() -> None:
    assert openapi.document(auth=False)["security"] == []
    assert "1234 bytes" in openapi.document(max_body=1234)["paths"][PATHS[0]]["post"]["description"]


@pytest.mark.parametrize("kind", [CSV, NDJSON])
def test_the_examples_of_tables_are_answered_by_theirs(server: Running, served: dict[str, Any], kind: str) -> None:
    operation = served["paths"][PATHS[0]]["post"]
    body = operation["requestBody"]["content"][kind]["examples"]["table"]["value"]
    expected = operation["responses"]["200"]["content"][CSV]["examples"]["table"]["value"]
    headers = {**server.headers, "Content-Type": kind, "Accept": CSV}
    reply = server.request("POST", f"{PATHS[0]}?{openapi_tables.QUERY}", content=body, headers=headers)
    assert (reply.status_code, reply.text) == (200, expected)


def test_every_media_type_and_parameter_is_in_the_document(served: dict[str, Any]) -> None:
    operation = served["paths"][PATHS[0]]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/json", *tables.KINDS}
    answers = set(operation["responses"]["200"]["content"])
    assert answers == set(content.ANSWERS)
    named = {parameter["name"] for parameter in operation["parameters"] if parameter.get("in") == "query"}
    assert named == set(content.TABLE_OPTIONS)


def test_a_job_is_what_the_document_says(server: Running, served: dict[str, Any]) -> None:
    reply = server.post(Prefer="respond-async")
    assert reply.status_code == 202
    schema = served["components"]["schemas"]["Job"]
    assert set(schema["required"]) <= set(reply.json()) <= set(schema["properties"])
    msgspec.convert(reply.json(), contract.Job)
