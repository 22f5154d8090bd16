"""Weights in Accept and Accept-Encoding (RFC 9110, 12.4.2): 0 to 1 with three decimals, and 0 is a refusal."""

from __future__ import annotations

import re

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def weight(parameters: list[str]) -> float | None:
    """The weight among the parameters of one entry of a list, 1 where it has none; None where it is malformed."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return float(value) if _WEIGHT.fullmatch(value.strip()) else None
    return 1.0
