"""The Spark job on a standalone cluster of this machine: two workers, executors killed, and a heavy customer.

``spark-submit`` gives out what the job's Python says, on either stream, as its own standard output.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import customer_features
from tests.conftest import ROOT
from tests.spark_cluster import SETTINGS, Cluster, Done, Stage, cluster, environment, log_text, stages, whole_events
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.resource("spark cluster")]

ROWS = 160_000
HEAVY = 0.3
"""The share of the rows that one customer holds."""
TODAY = "2025-01-01"
EIGHT = {
    "spark.sql.files.maxPartitionBytes": "2m",  # a task for each of the small files
    "spark.sql.adaptive.coalescePartitions.enabled": "false",  # and for each of the eight partitions
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return purchases(tmp_path_factory.mktemp("purchases"), ROWS)


def purchases(folder: Path, rows: int) -> Path:
    """Make eight files: orders of up to four lines, which share their day and amount, and one heavy customer."""
    of_order = "hash(i // 4 + {})".format
    for part in range(8):
        first, last = rows * part // 8, rows * (part + 1) // 8
        duckdb.sql(
            f"""COPY (SELECT CASE WHEN {of_order(1)} % 1000 < {HEAVY * 1000} THEN 'heavy'
   ELSE 'C' || {of_order(2)} % {rows // 20} END AS customer_id, 'T' || i // 4 AS transaction_id,
  DATE '{TODAY}' - CAST({of_order(3)} % 700 AS INTEGER) AS date, CAST({of_order(4)} % 50000 AS DOUBLE) / 100 AS amount,
  'P' || hash(i) % 5000 AS product_id FROM range({first}, {last}) numbers(i)) TO '{folder}/{part}.parquet'"""
        )
    return folder


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that ran in one application: what became of each, where it wrote to, and the log of events."""

    done: dict[str, Done]
    folder: Path
    log: str

    def out(self, name: str) -> Path:
        return self.folder / name / "features"


GRAINS = ("transaction", "line", "repeated_total") if os.environ.get("THOROUGH") else ("transaction",)
"""CI runs one of them; an executor is killed at another."""


@pytest.fixture(scope="module")
def batch(running: Cluster, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    folder = tmp_path_factory.mktemp("batch")
    rows, scored = pq.read_table(source), folder / "scored.parquet"
    score = pa.array([7.0 if customer == "heavy" else None for customer in rows["customer_id"].to_pylist()])
    pq.write_table(rows.append_column("loyalty_score", score), scored, row_group_size=ROWS // 8)
    jobs: dict[str, tuple[object, ...]] = {grain: (source, "--grain", grain) for grain in GRAINS}
    jobs |= {"refused": (scored,), "set aside": (scored, "--max-faults", "1")}
    for name, words in jobs.items():
        (folder / name).mkdir()
        jobs[name] = (*words, "--today", TODAY, "--out", folder / name / "features")
    done, log = running.submit_all(jobs, **EIGHT)
    return Batch(done, folder, log)


def vectors(folder: Path) -> pa.Table:
    """What a job wrote, file by file in the order of their names."""
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet")))


def exact(source: Path, **options: Any) -> pa.Table:
    """The vectors of another engine."""
    return customer_features.build(pq.read_table(source), today=TODAY, **options)


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    assert found.schema.names == expected.schema.names
    for name in expected.schema.names:
        # The bytes of doubles: NaN and the sign of zero count.
        same = [column[name].combine_chunks() for column in (found, expected)]
        if pa.types.is_floating(same[1].type):
            same = [column.view(pa.int64()) for column in same]
        assert same[0].equals(same[1].cast(same[0].type)), name


def test_executors_are_killed_in_the_middle(running: Cluster, source: Path, tmp_path: Path) -> None:
    """The executors of both workers, one after the other: their tasks, and what they had shuffled, are done again."""
    given = (source, "--out", tmp_path / "features", "--today", TODAY, "--grain", "line")
    said = tmp_path / "said"
    with running.started(said, *given, **EIGHT) as job:

        def wait_for(event: str, times: int) -> None:
            def came() -> bool:
                text = said.read_text()
                assert job.poll() is None, text[-3000:]
                return len(re.findall(event, text)) >= times

            until(came, f"{event}, {times} times")

        wait_for(r"ShuffleMapStage \d+ \(.*\) finished in", 1)
        running.kill_at_work(1, said)
        wait_for("Finished task", 20)
        running.kill_at_work(0, said)
        job.wait(timeout=900)
    assert job.returncode == 0, said.read_text()[-3000:]
    log = log_text(running.log_folder)
    assert log.count('"Event":"SparkListenerExecutorRemoved"') >= 2
    # What was lost was computed once more: in a new attempt at its stage, or within the one that still ran.
    assert done_again(log)
    assert_same(vectors(tmp_path / "features"), exact(source, grain="line"))
    described = json.loads((tmp_path / "features.manifest.json").read_text())
    assert described["rows"] == {"in": ROWS, "used": ROWS, "excluded": 0, "excluded_by": {}, "quarantined": 0}


def done_again(log: str) -> bool:
    """Whether a task was begun more than once."""
    begun = Counter((event["Stage ID"], event["Task Info"]["Index"]) for event in whole_events(log, "TaskStart"))
    return max(begun.values(), default=0) > 1


@pytest.mark.parametrize("grain", GRAINS)
def test_a_heavy_customer_holds_no_task(grain: str, batch: Batch, source: Path) -> None:
    """No task of a shuffle gets more than its share of records, though one customer holds 30% of the rows."""
    assert batch.done[grain].code == 0, batch.done[grain].said
    assert_same(vectors(batch.out(grain)), exact(source, grain=grain))
    assert_shared(stages(batch.log, grain), ROWS)


@pytest.mark.thorough
def test_a_heavy_customer_among_more_rows(running: Cluster, tmp_path: Path) -> None:
    """What docs/spark.md shows."""
    source = purchases(tmp_path, 800_000)
    ran = running.submit(source, "--out", tmp_path / "features", "--today", TODAY, "--grain", "line", **EIGHT)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = stages(log_text(running.log_folder))
    print(*(stage.line() for stage in found), sep="\n")
    assert_shared(found, 800_000)


def assert_shared(found: list[Stage], rows: int) -> None:
    shuffled = [stage for stage in found if stage.records > rows / 100]
    assert len(shuffled) >= 2
    for stage in shuffled:
        assert stage.most < 1.3 * stage.median, stage
        assert stage.most < HEAVY * rows / 2, stage


def test_faulty_rows_of_a_heavy_customer(batch: Batch) -> None:
    """All rows of a customer are set aside, which looks each row's customer up; the run is stopped or is not."""
    refused, done = batch.done["refused"], batch.done["set aside"]
    assert refused.code == 1, refused.said
    said = [line for line in refused.said.splitlines() if line.startswith("Error: ")]
    stopped = rf"Error: \d+,\d\d\d of {ROWS:,} rows are faulty: (29|30)\.\d\d% is more than the 1\.00%"
    assert re.match(stopped, "".join(said)), said
    assert list(batch.out("refused").parent.iterdir()) == []
    assert done.code == 0, done.said
    described = json.loads(batch.out("set aside").with_name("features.manifest.json").read_text())
    aside = pq.read_table(batch.out("set aside").with_name("features.quarantine.parquet"))
    assert (
        aside.num_rows
        == described["rows"]["quarantined"]
        == described["faults"]["loyalty_out_of_range"]
        > HEAVY * 0.95 * ROWS
    )
    assert set(aside["customer_id"].unique().to_pylist()) == {"heavy"}
    found = stages(batch.log, "set aside")
    assert found
    for stage in found:
        assert stage.records < ROWS / 100 or stage.most < 1.3 * stage.median, stage


def test_the_exit_code_is_that_of_the_job(running: Cluster) -> None:
    ran = running.submit("nowhere.parquet")
    assert ran.returncode == 2
    assert "Missing option '--out'" in ran.stdout


def test_the_commands_of_the_page(running: Cluster, source: Path, tmp_path: Path) -> None:
    """What docs/spark.md says to type, with this cluster's address."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "docs" / "spark.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    pq.write_table(pq.read_table(source).slice(0, 20_000), tmp_path / "purchases.parquet")
    (tmp_path / "customer_features").symlink_to(ROOT / "customer_features")
    script = blocks[0].replace("spark://master:7077", running.url)
    assert running.url in script
    (tmp_path / "conf").mkdir()
    defaults = "".join(f"{name} {value}\n" for name, value in SETTINGS.items())
    (tmp_path / "conf" / "spark-defaults.conf").write_text(defaults)
    more = {
        "PATH": f"{Path(environment()['PYSPARK_PYTHON']).parent}:{environment()['PATH']}",
        "SPARK_CONF_DIR": str(tmp_path / "conf"),
    }
    ran = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env={**environment(), **more},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "20,000 in = 20,000 used + 0 excluded + 0 quarantined" in ran.stdout
    assert (
        vectors(tmp_path / "features").num_rows
        == json.loads((tmp_path / "features.manifest.json").read_text())["customers"]
    )
    assert zipped_modules(tmp_path / "customer_features.zip")


def zipped_modules(path: Path) -> bool:
    """Whether an archive holds the package, under its own name."""
    import zipfile

    return "customer_features/spark/__main__.py" in zipfile.ZipFile(path).namelist()
