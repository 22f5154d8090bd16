"""Schemathesis over the service's own document: every check that the document alone can decide, stateful ones too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

from .harness import Running

# A schema has no words for what makes a document or a table right (days of the calendar, ids that are unique, columns
# that are there), so "valid by the schema" is no promise of 200.
LEFT_OUT = "positive_data_acceptance"


@pytest.mark.parametrize(
    "examples", [pytest.param(20, marks=pytest.mark.slow), pytest.param(150, marks=pytest.mark.thorough)]
)
def test_the_service_keeps_to_its_document(server: Running, tmp_path: Path, examples: int) -> None:
    begun = server.mark()
    headers = [word for name, value in server.headers.items() for word in ("--header", f"{name}: {value}")]
    words = ["run", f"{server.url}/openapi.json", *headers, "--checks", "all", "--exclude-checks", LEFT_OUT]
    words += ["--max-examples", str(examples), "--seed", "20251124", "--no-color", "--generation-database", ":memory:"]
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "schemathesis"), *words],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.service.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    print(ran.stdout[-5000:])
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    assert re.search(r"Tested: 9", ran.stdout)
    assert int(re.findall(r"(\d+) generated", ran.stdout)[-1]) > 500
    assert '"event":"internal error"' not in server.log_text()[begun:]
