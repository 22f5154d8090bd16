"""The warnings that the Python doors give."""

from __future__ import annotations


class FaultsQuarantined(UserWarning):
    """Given once by ``build(..., on_fault="quarantine")`` when rows were left out; it counts them by fault."""


class Suspicious(UserWarning):
    """The data are legal but suspicious (a repeated transaction id, for one); nothing was left out."""
