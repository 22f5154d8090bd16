"""Modin, and tests/frames over again with pandas 2 and Polars 1: Modin asks for them.

They stand beside no pandas 3, so they have an environment of their own (older.txt), which `make tools` makes. CI runs
the tests of pandas and Polars there, `make thorough` those of every kind of dataframe.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import child_environment
from tests.installed import prepared

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CHOSEN = "not when_it_is_collected and not asked_for_again and not processes"
"""Without what Polars 1 does at once, and without Dask's processes: elsewhere.py has both, the latter as a cluster."""


@pytest.mark.slow
def test_pandas_2_polars_1_and_modin(tmp_path: Path) -> None:
    def run(*command: object) -> str:
        ran = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=child_environment(MODIN_CPUS="1"),  # a process less to start
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )
        assert ran.returncode == 0, ran.stdout[-5000:]
        return ran.stdout

    python = prepared("older") / "bin" / "python"
    versions = "import pandas, polars; print(pandas.__version__[:2], polars.__version__[:2])"
    assert run(python, "-c", versions) == "2. 1.\n"
    pytest_ = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", tmp_path / "tests"]
    again = [HERE] if os.environ.get("THOROUGH") else [HERE / "test_pandas.py", HERE / "test_polars.py"]
    said = run(*pytest_, *again, "-m", "not slow", "-k", CHOSEN)
    assert "skipped" not in said
    assert "7 passed" in run(*pytest_, HERE / "elsewhere.py")
