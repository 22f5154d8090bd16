"""An environment of its own for the peer that stands beside no pandas 3."""

from __future__ import annotations

import sys
from functools import lru_cache

from tools.needed import ENVIRONMENTS


@lru_cache
def featuretools_python() -> str | None:
    """The interpreter that has featuretools, which `make tools` made or this makes; None where that fails."""
    environment = ENVIRONMENTS["featuretools"]
    if not environment.ready():
        print(f"making an environment for featuretools in {environment.folder} ...", file=sys.stderr, flush=True)
        if wrong := environment.make():
            print(wrong, file=sys.stderr, flush=True)
            return None
    return str(environment.folder / "bin" / "python")
