"""The warnings that the Python doors give."""

from __future__ import annotations

import warnings

from customer_features.engines.outcome import Outcome


class FaultsQuarantined(UserWarning):
    """Given once by ``build(..., on_fault="quarantine")`` when rows were left out; it counts them by fault."""


class Suspicious(UserWarning):
    """The data are legal but suspicious (a repeated transaction id, for one); nothing was left out."""


def customers_incomplete(count: int) -> str:
    """Say that customers have a vector that lacks rows."""
    if count == 1:
        return "1 customer has a vector that lacks faulty rows"
    return f"{count:,} customers have vectors that lack faulty rows"


def warn_of(outcome: Outcome, stacklevel: int, where: str = "check() returns them") -> None:
    """Give the warnings of a run; ``stacklevel``: as of ``warnings.warn``, ``where``: what became of faulty rows."""
    if outcome.quarantined:
        counts = ", ".join(f"{name}: {count}" for name, count in outcome.faults.items())
        lost = outcome.customers_incomplete
        incomplete = f"; {customers_incomplete(lost)}" if lost else ""
        warnings.warn(
            f"{outcome.faulty} and left out ({counts}){incomplete}; {where}",
            FaultsQuarantined,
            stacklevel=stacklevel + 1,
        )
    for warning in outcome.warnings:
        warnings.warn(f"{warning['name']}: {warning['message']}", Suspicious, stacklevel=stacklevel + 1)
