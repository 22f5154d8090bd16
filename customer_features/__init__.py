"""One exact feature vector per customer from raw purchase transactions.

    build(frame, ...)   vectors of a dataframe's customers, as the same kind of dataframe
    check(frame, ...)   the faulty rows of a dataframe, with their faults
    answer(body)        the HTTP route's work without HTTP: request bytes in, answer bytes out
    sql(dialect, ...)   the definition as one SQL query, for a warehouse
    verify(path)        whether a published features file is what its manifest says
    Client(url, ...)    asks the HTTP service; AsyncClient does so in an event loop

What they need is imported when they are first used: ``answer`` runs on the light core alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from customer_features._version import __version__
from customer_features.errors import (
    ColumnError,
    CustomerFeaturesError,
    DataFaults,
    FaultsQuarantined,
    FaultyRequest,
    FoundFault,
    InvalidOption,
    InvalidRequest,
    MissingExtra,
    OutputError,
    ServiceError,
    ServiceUnavailable,
    SourceError,
    Suspicious,
    Unauthorized,
    UsageError,
)

if TYPE_CHECKING:
    from customer_features.client import AsyncClient, Client
    from customer_features.engines.rows.engine import answer
    from customer_features.frames import build, check
    from customer_features.query.generate import sql
    from customer_features.targets.manifest import verify

__all__ = [
    "AsyncClient",
    "Client",
    "ColumnError",
    "CustomerFeaturesError",
    "DataFaults",
    "FaultsQuarantined",
    "FaultyRequest",
    "FoundFault",
    "InvalidOption",
    "InvalidRequest",
    "MissingExtra",
    "OutputError",
    "ServiceError",
    "ServiceUnavailable",
    "SourceError",
    "Suspicious",
    "Unauthorized",
    "UsageError",
    "__version__",
    "answer",
    "build",
    "check",
    "sql",
    "verify",
]

_LAZY = {
    "AsyncClient": "customer_features.client",
    "Client": "customer_features.client",
    "answer": "customer_features.engines.rows.engine",
    "build": "customer_features.frames",
    "check": "customer_features.frames",
    "sql": "customer_features.query.generate",
    "verify": "customer_features.targets.manifest",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'customer_features' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
