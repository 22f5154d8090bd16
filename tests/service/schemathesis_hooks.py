"""How Schemathesis writes bodies of types that it does not know: whatever it made up, as bytes."""

from __future__ import annotations

from typing import Any

import schemathesis

from customer_features.service.documents.openapi_tables import TABLES


@schemathesis.serializer(*TABLES)
def as_bytes(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.deserializer(*TABLES)
def as_text(context: Any, response: Any) -> Any:
    return response.content.decode("latin-1")
