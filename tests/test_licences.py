"""What the extras bring along is under licences that a company may ship: permissive ones, or weak copyleft."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement

EXTRAS = ("all", "tracing")
ALLOWED = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|Zlib|HPND|CC0)", re.IGNORECASE
)
FORBIDDEN = re.compile(r"\b(A?GPL|GNU (Affero )?General|SSPL|BUSL|Commons Clause|Proprietary)", re.IGNORECASE)


def needed() -> set[str]:
    """The names of all that the extras need on this machine, however far down."""
    found: set[str] = set()
    waiting = [("customer-features", extra) for extra in EXTRAS]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for text in distribution(name).requires or []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            below = [(requirement.name, inner) for inner in (requirement.extras or {""})] + [(requirement.name, "")]
            for one in below:
                if one not in seen:
                    seen.add(one)
                    waiting.append(one)
            found.add(requirement.name)
    return found - {"customer-features"}


def licence(name: str) -> str:
    """What a package says of its licence: the expression, else the classifiers, else the field of old."""
    about = distribution(name).metadata
    classifiers = [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    first = (about.get("License") or "").strip().splitlines()[:1]
    return about.get("License-Expression") or "; ".join([*classifiers, *first])


def test_the_licences_of_what_is_shipped() -> None:
    names = needed()
    assert len(names) > 20
    said = {}
    for name in sorted(names):
        try:
            said[name] = licence(name)
        except PackageNotFoundError:
            pytest.fail(f"{name} is needed and not installed")
    unknown = {name: text for name, text in said.items() if FORBIDDEN.search(text) or not ALLOWED.search(text)}
    assert not unknown
