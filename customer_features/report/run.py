"""What the manifest beside a features file says of its run, without what might name a customer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from customer_features.connections.addresses import scheme_of
from customer_features.definition.faults import FAULTS
from customer_features.errors import SourceError
from customer_features.report.shapes import Counted, Run, Source

_WARNED = {
    "repeated_transaction_id": "the same transaction id on several rows of a customer: each counts as a visit",
    "duplicate_row": "same customer, transaction, date, amount and product: all of them count",
    "looks_like_repeated_totals": "rows of a transaction with equal amounts: each may repeat the order's total",
}
"""A sentence for each warning; the manifest's own may name a transaction of somebody."""
_OPTIONS = ("grain", "window", "future", "returns", "timezone", "max_points")


def run_of(manifest: Mapping[str, Any], name: str) -> Run:
    """The run that a manifest describes. Raises SourceError where that is not what it holds."""
    try:
        rows, options = manifest["rows"], manifest["options"]
        came, used, excluded, aside = (int(rows[part]) for part in ("in", "used", "excluded", "quarantined"))
        today = options["today"]
        mend = {fault.name: fault.mend for fault in FAULTS}
        return Run(
            definition=str(manifest["definition"]),
            today=[str(day) for day in today] if isinstance(today, list) else [str(today)],
            rows_in=came,
            used=used,
            excluded=excluded,
            quarantined=aside,
            reconciled=came == used + excluded + aside,
            faults=[Counted(fault, int(count), mend.get(fault, "")) for fault, count in manifest["faults"].items()],
            warnings=[
                Counted(warning["name"], int(warning["count"]), _WARNED.get(warning["name"], ""))
                for warning in manifest["warnings"]
            ],
            options={option: str(options[option]) for option in _OPTIONS if options.get(option) is not None},
            sources=[Source(_base(source["path"]), int(source["rows"])) for source in manifest["sources"]],
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SourceError(
            f"{name}: the manifest beside it is not one of customer-features; build it again, or move the manifest away"
        ) from None


def differences(older: Run | None, newer: Run | None) -> list[str]:
    """What two runs were told differently, in words; nothing where one of them is not known."""
    if older is None or newer is None:
        return []
    before, now = ({"definition": run.definition, **run.options} for run in (older, newer))
    # What becomes of rows after the as-of date makes no vector another one.
    names = [name for name in ("definition", *_OPTIONS) if name != "future" and before.get(name) != now.get(name)]
    return [f"{name}: {now.get(name, 'none')}, before {before.get(name, 'none')}" for name in names]


def _base(path: str) -> str:
    """A source's name without its folders, which are nobody's business; an address as it is."""
    return path if scheme_of(path) is not None else PurePath(path).name
