"""Write the golden queries anew: ``python -m tests.golden``. Look at the difference before you commit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from customer_features.query.dialects import DIALECTS
from customer_features.query.generate import sql

FOLDER = Path(__file__).parent
CALLS: dict[str, dict[str, Any]] = {
    "vectors": {"today": "2025-04-24"},
    "lines": {
        "table": "shop.order_lines",
        "columns": {"amount": "price * quantity", "loyalty_score": "score"},
        "types": {"amount": "DECIMAL(18, 6)", "loyalty_score": "DECIMAL(3, 2)"},
        "grain": "line",
        "returns": "net",
        "future": "exclude",
        "window": "12 months",
        "timezone": "America/Sao_Paulo",
    },
    "months": {
        "today": ["2025-01-31", "2025-02-28"],
        "window": "3 months",
        "grain": "repeated_total",
        "future": "exclude",
        "loyalty": "members",
        "max_points": 500,
    },
    "faults": {"today": "2025-04-24", "grain": "repeated_total", "faults": True, "types": {"date": "{text}"}},
}
"""What is asked of each dialect."""
TEXT = {"clickhouse": "String", "spark": "STRING", "bigquery": "STRING", "duckdb": "VARCHAR", "postgres": "TEXT"}


def query(dialect: str, call: str) -> str:
    """The query of a call, in a dialect."""
    given = dict(CALLS[call])
    if "types" in given:
        given["types"] = {
            field: text.format(text=TEXT.get(dialect, "VARCHAR")) for field, text in given["types"].items()
        }
    return sql(dialect, **given)


def path(dialect: str, call: str) -> Path:
    """Where the golden query stands."""
    return FOLDER / dialect / f"{call}.sql"


if __name__ == "__main__":
    for name in DIALECTS:
        for call in CALLS:
            path(name, call).parent.mkdir(exist_ok=True)
            path(name, call).write_text(query(name, call), "utf-8")
