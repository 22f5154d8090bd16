"""An environment of its own for the peer that stands beside no pandas 3."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

_NEEDS = Path(__file__).parent / "peers" / "featuretools.txt"
_FOLDER = Path(__file__).parents[1] / "build" / "bench" / "featuretools"


@lru_cache
def featuretools_python() -> str | None:
    """The interpreter that has featuretools, made under ``build/`` when first asked for; None where that fails."""
    python, made = _FOLDER / "bin" / "python", _FOLDER / "made.txt"
    if made.exists() and made.read_text() == _NEEDS.read_text():
        return str(python)
    print(f"making an environment for featuretools in {_FOLDER} ...", file=sys.stderr, flush=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(_NEEDS)]
    for command in ([sys.executable, "-m", "venv", "--clear", str(_FOLDER)], install):
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if ran.returncode:
            print(ran.stderr[-1000:], file=sys.stderr, flush=True)
            return None
    made.write_text(_NEEDS.read_text())
    return str(python)
