"""The warnings that the Python doors give."""

from __future__ import annotations

import warnings

from customer_features.engines.outcome import Outcome


class FaultsQuarantined(UserWarning):
    """Given once by ``build(..., on_fault="quarantine")`` when rows were left out; it counts them by fault."""


class Suspicious(UserWarning):
    """The data are legal but suspicious (a repeated transaction id, for one); nothing was left out."""


def warn_of(outcome: Outcome, stacklevel: int, where: str = "check() returns them") -> None:
    """Give the warnings of a run; ``stacklevel``: as of ``warnings.warn``, ``where``: what became of faulty rows."""
    if outcome.quarantined:
        counts = ", ".join(f"{name}: {count}" for name, count in outcome.faults.items())
        warnings.warn(
            f"{outcome.faulty} and left out ({counts}); {where}",
            FaultsQuarantined,
            stacklevel=stacklevel + 1,
        )
    for warning in outcome.warnings:
        warnings.warn(f"{warning['name']}: {warning['message']}", Suspicious, stacklevel=stacklevel + 1)
