"""What the OpenAPI document says of bodies that are tables, of the query parameters that go with them, and of jobs."""

from __future__ import annotations

from typing import Any

from customer_features.definition import features
from customer_features.service.bodies.encodings import CODINGS
from customer_features.service.bodies.jobs import JOBS
from customer_features.service.content import ANSWERS, ARROW, ARROW_FILE, CSV, JSON, NDJSON, PARQUET

TABLES = (PARQUET, ARROW, ARROW_FILE, CSV, NDJSON)
"""The media types of bodies, as ``tables.KINDS`` has them (a test compares)."""

CSV_REQUEST = """customer_id,transaction_id,date,amount,product_id
C-1001,T-001,2025-04-21,520.55,P-01
C-1001,T-002,2025-04-18,398.40,P-02
"""
NDJSON_REQUEST = (
    '{"customer_id":"C-1001","transaction_id":"T-001","date":"2025-04-21","amount":520.55,"product_id":"P-01"}\n'
    '{"customer_id":"C-1001","transaction_id":"T-002","date":"2025-04-18","amount":398.4,"product_id":"P-02"}\n'
)
CSV_ANSWER = f"""customer_id,{",".join(features.names())}
C-1001,918.95,2.0,459.48,2.0,0.0,3.0
"""
QUERY = "today=2025-04-24"
"""The query that goes with the examples."""

_ID = "4c2f1f0e-8a7b-4a64-9f1e-0f6f3a0d5b11"


def bodies() -> dict[str, Any]:
    """The media types of tables as request bodies."""
    text = {CSV: CSV_REQUEST, NDJSON: NDJSON_REQUEST}
    return {kind: _media(kind, text.get(kind), f"Goes with the query {QUERY}.") for kind in TABLES}


def answers() -> dict[str, Any]:
    """The media types of tables as answers."""
    return {
        kind: _media(kind, CSV_ANSWER if kind == CSV else None, "To the example of a body that is a table.")
        for kind in ANSWERS
        if kind != JSON
    }


def _media(kind: str, example: str | None, summary: str) -> dict[str, Any]:
    described: dict[str, Any] = {"schema": {"type": "string"}}
    if example is None:
        described["schema"] = {"contentMediaType": kind}
    else:
        described["examples"] = {"table": {"summary": summary, "value": example}}
    return described


def parameters() -> list[dict[str, Any]]:
    """What stands in the query (with tables; JSON holds its options itself) and in further headers."""
    query = [
        _parameter("today", "Reference date; repeat it for several as-of dates.", _many("date"), explode=True),
        _parameter("grain", "What a row is.", {"enum": ["transaction", "line", "repeated_total"]}),
        _parameter("future", "Rows after today.", {"enum": ["fault", "exclude"]}),
        _parameter("returns", "Negative amounts.", {"enum": ["fault", "net"]}),
        _parameter("window", "How far back rows count, such as 12 months.", {"type": "string"}),
        _parameter("timezone", "Where instants become days.", {"type": "string"}),
        _parameter("decimal", "Decimal mark of numbers in text.", {"enum": [".", ","]}),
        _parameter("thousands", "Mark between thousands of numbers in text.", {"enum": [",", ".", "'", " "]}),
        _parameter("null", "A text that stands for nothing, such as NULL; may repeat.", _many(None), explode=True),
        _parameter("date_format", "How dates in text are written, such as %d/%m/%Y.", {"type": "string"}),
        _parameter("constant", "FIELD=VALUE, the same in every row; may repeat.", _many(None), explode=True),
        _parameter("map", "FIELD=COLUMN, where a column is not recognised; may repeat.", _many(None), explode=True),
    ]
    prefer = "respond-async: take the body with 202 and make the answer when its turn comes."
    key = "With Prefer: respond-async, 1 to 200 visible characters: the same key gives the same job. Else ignored."
    packing = "How the body is packed; nothing, or identity, where it is not."
    return [
        *query,
        _parameter("Prefer", prefer, {"type": "string"}, place="header"),
        _parameter("Idempotency-Key", key, {"type": "string"}, place="header"),
        _parameter("Content-Encoding", packing, {"enum": list(CODINGS)}, place="header"),
    ]


def _many(form: str | None) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"} | ({"format": form} if form else {})}


def _parameter(
    name: str, description: str, schema: dict[str, Any], *, place: str = "query", explode: bool = False
) -> dict[str, Any]:
    more = {"explode": True} if explode else {}
    return {"name": name, "in": place, "description": description, "schema": schema, **more}


def accepted(job: Any, headers: dict[str, Any]) -> dict[str, Any]:
    """The answer to a body that became a job."""
    location = {"description": "Where the job lives.", "schema": {"type": "string"}}
    applied = {"description": "respond-async", "schema": {"type": "string"}}
    return {
        "description": "The body was taken; its answer will be made when its turn comes.",
        "headers": {**headers, "Location": location, "Preference-Applied": applied},
        "content": {"application/json": {"schema": job, "example": _job("queued")}},
    }


def _job(status: str) -> dict[str, Any]:
    described = {"id": _ID, "status": status, "progress": 0.0, "created_on": "2025-04-24T03:00:00+00:00"}
    if status == "done":
        described |= {"progress": 1.0, "ended_on": "2025-04-24T03:00:09+00:00"}
        described |= {"kept_until": "2025-04-25T03:00:09+00:00", "result": f"{JOBS}/{_ID}/result"}
    return described


def paths(job: Any, answer: dict[str, Any], headers: dict[str, Any], faults: Any) -> dict[str, Any]:
    """The paths of a job; ``faults`` makes the responses of some statuses."""
    identity = {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    told = {
        "description": "How far the job is.",
        "headers": headers,
        "content": {"application/json": {"schema": job, "example": _job("done")}},
    }
    return {
        f"{JOBS}/{{job_id}}": {
            "parameters": [identity],
            "get": {
                "operationId": "job",
                "summary": "How far a job is",
                "responses": {"200": told, **faults((401, 404, 429, 500, 503))},
            },
            "delete": {
                "operationId": "forgetJob",
                "summary": "Cancel a job, or forget it",
                "responses": {
                    "204": {"description": "There is no such job any more.", "headers": headers},
                    **faults((401, 404, 405, 429, 500, 503)),
                },
            },
        },
        f"{JOBS}/{{job_id}}/result": {
            "parameters": [identity],
            "get": {
                "operationId": "jobResult",
                "summary": "The answer of a job that is done, or the problem that it ended with",
                "responses": {
                    "200": {"description": "The answer.", "headers": headers, "content": answer},
                    **faults((400, 401, 404, 405, 409, 413, 422, 429, 500, 503)),
                },
            },
        },
    }
