"""What ``customer-features doctor`` says of one matter."""

from __future__ import annotations

from dataclasses import dataclass

OK, MISSING, PROBLEM = "ok", "missing", "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One matter: its ``status``, what was found, and what that means.

    ``mend``: the command that helps, where there is one; ``broken``: it is installed and cannot serve.
    """

    name: str
    status: str
    found: str
    means: str
    mend: str = ""
    broken: bool = False
