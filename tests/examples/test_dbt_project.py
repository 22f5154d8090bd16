"""The dbt project: its models are those that the command prints, and it builds with dbt-duckdb."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.conftest import EXAMPLE_VECTORS, ROOT, Cli
from tests.installed import prepared

PROJECT = ROOT / "examples" / "dbt"


def commands(program: str) -> list[list[str]]:
    """The commands of the project's page that begin with a program, in their order."""
    lines = (PROJECT / "README.md").read_text("utf-8").splitlines()
    return [shlex.split(line) for line in lines if line.startswith(f"{program} ")]


def test_the_models_are_those_that_are_printed(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = commands("customer-features")
    assert len(printed) == 2
    for words in printed:
        assert cli(*words[1:]).code == 0
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(made) == 5
    for path in made:
        assert (PROJECT / path).read_text("utf-8") == (tmp_path / path).read_text("utf-8")
    assert (PROJECT / "seeds/purchases.csv").read_bytes() == (ROOT / "examples/purchases.csv").read_bytes()


def test_every_file_parses() -> None:
    found = [yaml.safe_load(path.read_text("utf-8")) for path in PROJECT.rglob("*.yml")]
    assert len(found) == 4
    assert all(isinstance(one, dict) for one in found)
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    assert project["profile"] in yaml.safe_load((PROJECT / "profiles.yml").read_text("utf-8"))


def test_the_environment_of_the_tests_is_that_of_the_page() -> None:
    steps = [shlex.join(words) for program in ("python", "venv/bin/pip") for words in commands(program)]
    assert steps == ["python -m venv venv", "venv/bin/pip install -r requirements.txt"]
    asked, pinned = (
        {line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")}
        for path in (PROJECT / "requirements.txt", Path(__file__).with_name("dbt.txt"))
    )
    assert asked < pinned
    assert all("==" in line for line in pinned)


@pytest.mark.slow
def test_the_project_builds(tmp_path: Path) -> None:
    project = tmp_path / "dbt"
    shutil.copytree(PROJECT, project)
    (project / "venv").symlink_to(prepared("dbt"))
    build, show = commands("venv/bin/dbt")

    def dbt(*words: str) -> str:
        ran = subprocess.run(
            [*words, "--no-use-colors"],
            cwd=project,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def rows(table: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(project / "shop.duckdb"), read_only=True) as connection:
            return connection.sql(f"FROM {table}").fetchall()

    assert "PASS=16 WARN=0 ERROR=0 SKIP=0" in dbt(*build)
    wanted = {name: (*values[:4], 0.0, values[5]) for name, values in EXAMPLE_VECTORS.items()}
    assert {str(name): values for name, *values in rows("customer_features")} == {
        **{name: list(values) for name, values in wanted.items()},
        "C-1003": [12.5, 1.0, 12.5, 1.0, 0.0, 54.0],
    }
    assert [row[0] for row in rows("win_back")] == ["C-1002"]
    assert len(rows("customer_features_faults")) == 1
    assert "C-1002" in dbt(*show)
    dbt(*build, "--vars", "{today: 2025-05-01}")
    assert [row[6] for row in rows("customer_features")] == [10.0, 116.0, 61.0]
