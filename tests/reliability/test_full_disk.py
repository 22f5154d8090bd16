"""A disk that is full, or a cap that is reached: a sentence, and the old files stand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb
import pytest

from customer_features.definition import features
from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.errors import OutputError
from customer_features.sources.opening import opened
from customer_features.targets.manifest import verify
from customer_features.targets.publish import publish
from tests.conftest import TODAY, Mount, csv_text
from tests.reliability.conftest import OLD, Batch, Target, run


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
def test_a_disk_too_small_for_the_output(suffix: str, batch: Batch, small_disk: Mount, tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text(csv_text(*(f"customer-{place},1,2025-04-20,{place}.37,p" for place in range(20_000))))
    folder, limited = small_disk("published", 96 * 1024)
    for name, body in batch.wholes[OLD].items():
        (folder / name).write_bytes(body)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    out = folder / f"f.{suffix}"
    ran = run([*limited, sys.executable, "-m", "customer_features", "build", str(source), "--out", str(out)])
    assert ran.returncode == 2, ran.stderr
    assert "cannot be written" in ran.stderr
    assert "nothing was published" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


MANY = pytest.mark.parametrize(
    "many_rows",
    [pytest.param(500_000, marks=pytest.mark.slow), pytest.param(1_500_000, marks=pytest.mark.thorough)],
    indirect=True,
)


@pytest.fixture(scope="module")
def many_rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of so many rows, more than 64 MB once they are read."""
    path = tmp_path_factory.mktemp("many") / "t.csv"
    duckdb.sql(
        f"SELECT 'customer-' || (i * 7919 % {request.param // 3}) AS customer_id, 'order-' || i AS transaction_id,"
        " DATE '2025-04-20' - (i % 300)::INTEGER AS date, (i % 10000) / 100 AS amount,"
        f" 'product-' || (i * 31 % 9999) AS product_id FROM range({request.param}) t(i)"
    ).write_csv(str(path))
    return path


@MANY
@pytest.mark.parametrize("limited", [False, True], ids=["disk", "file"])
def test_a_disk_too_small_for_what_is_spilled(
    limited: bool, many_rows: Path, target: Target, small_disk: Mount
) -> None:
    """The engine sees a full disk before it writes; a file that may not grow fails as it is written."""
    spill, before = small_disk("spill", 4 * 2**20, limited)
    command = [sys.executable, "-m", "customer_features", "build", str(many_rows), "--out", str(target.out)]
    ran = run([*before, *command, "--today", TODAY, "--memory-limit", "64MB"], TMPDIR=str(spill))
    assert ran.returncode == 2, ran.stderr
    assert "raise --memory-limit or free disk space" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert target.state() == OLD
    assert target.leftovers() == []
    assert list(spill.iterdir()) == []


@MANY
def test_a_cap_on_what_is_spilled(many_rows: Path, target: Target, tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    leftover = spill / "customer-features.99999-0123abcd.part"  # of a run that was killed
    leftover.mkdir()
    command = [sys.executable, "-m", "customer_features", "build", str(many_rows), "--out", str(target.out)]
    words = ["--today", TODAY, "--memory-limit", "64MB", "--spill-dir", str(spill)]
    ran = run([*command, *words, "--spill-limit", "4MB"])
    assert ran.returncode == 2, ran.stderr
    assert f"the 4MB that --spill-limit allows in {spill} are used up; raise --spill-limit" in ran.stderr
    assert "--memory-limit" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert target.state() == OLD
    assert target.leftovers() == []
    assert list(spill.iterdir()) == []
    ran = run([*command, *words], CUSTOMER_FEATURES_SPILL_LIMIT="2GB", TMPDIR=str(tmp_path / "not there"))
    assert ran.returncode == 0, ran.stderr
    with many_rows.open("rb") as lines:
        assert verify(target.out)["rows"]["used"] == sum(1 for _ in lines) - 1
    assert list(spill.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv"])
def test_a_cap_that_is_reached_while_the_vectors_are_written(
    suffix: str, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = ", ".join(f"1.0::DOUBLE AS {name}" for name in features.names())
    many = f"SELECT md5(i::VARCHAR) AS customer_id, {items} FROM range(2000000) t(i) ORDER BY customer_id"
    monkeypatch.setattr(Engine, "vectors", lambda engine: engine.connection.sql(many))
    with (
        connected(memory_limit="64MB", spill_dir=tmp_path, spill_limit="1MB") as connection,
        opened([str(batch.sources[OLD])], connection, place=tmp_path) as parts,
    ):
        engine = Engine(connection, parts, Options.parse(today=TODAY, on_fault="quarantine"))
        engine.judge()
        with pytest.raises(OutputError, match=r"cannot be written: spill space is short: the 1MB that --spill-limit"):
            publish(engine, tmp_path / f"f.{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["build", "check"])
def test_a_folder_to_spill_to_that_cannot_be_written(command: str, batch: Batch, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    # Root may write to any folder but those of the kernel.
    for folder in ("/proc/self/task", str(locked)) if os.geteuid() else ("/proc/self/task",):
        out = ["--out", str(tmp_path / "f.csv")] if command == "build" else []
        words = [sys.executable, "-m", "customer_features", command, str(batch.sources[OLD]), *out, "--today", TODAY]
        ran = run([*words, "--spill-dir", folder])
        assert ran.returncode == 2
        assert ran.stderr.startswith("Error: ")
        assert folder in ran.stderr
        assert "--spill-dir" in ran.stderr
        assert ran.stderr.count("\n") == 1
        assert "fault of customer-features" not in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["locked"]
