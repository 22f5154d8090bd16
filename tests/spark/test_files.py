"""What a Spark job reads and writes, on the file system of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from customer_features.definition.options import Options
from customer_features.engines.spark.engine import Engine
from customer_features.errors import OutputError, SourceError
from customer_features.spark import files
from tests.conftest import EXAMPLE_VECTORS, TODAY, csv_text
from tests.spark_door import spark

pytestmark = pytest.mark.slow

ROWS = ("C-1,T-1,2025-04-21,520.55,P-1", "C-1,T-2,2025-04-18,398.40,P-2")


def published(session: Any, out: Path, *sources: Path, **options: Any) -> dict[str, Any]:
    given = Options.parse(**{"today": TODAY, "on_fault": "quarantine", "max_faults": 1.0, **options})
    with Engine(files.read(session, list(map(str, sources)), None), given) as engine:
        engine.judge(warn=False)
        aside = f"{out}.quarantine.parquet"
        manifest = files.publish(
            engine, [str(source) for source in sources], str(out), files.Format.PARQUET, aside, version="1"
        )
        engine.warehouse.drop()
    described: dict[str, Any] = json.loads(Path(manifest).read_text())
    return described


def test_all_is_replaced_and_nothing_else_is_left(spark_session: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text(*ROWS, "C-2,T-3,2025-02-30,1,P-1", "C-3,T-4,2025-04-01,-0.0,P-1"))
    (tmp_path / "b.csv").write_text(csv_text(*ROWS))
    out = tmp_path / "features"
    described = published(spark_session, out, tmp_path / "a.csv")
    assert described["rows"] == {"in": 4, "used": 3, "excluded": 0, "excluded_by": {}, "quarantined": 1}
    assert described["faults"] == {"unreadable_date": 1}
    assert described["output"]["rows"] == 2
    assert described["quarantine"]["rows"] == 1
    assert [len(one["files"]) > 0 for one in (described["output"], described["quarantine"])] == [True, True]
    table = pq.read_table(out)
    assert [field.nullable for field in table.schema] == [False] * 7
    assert [str(field.type) for field in table.schema] == ["string"] + ["double"] * 6
    assert pq.read_table(f"{out}.quarantine.parquet")["fault"].to_pylist() == ["unreadable_date"]
    # Again over other rows, none of them faulty: the old quarantine goes as well.
    described = published(spark_session, out, tmp_path / "b.csv")
    assert "quarantine" not in described
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == [
        *("a.csv", "b.csv", "features", "features.manifest.json"),
    ]
    assert pq.read_table(out).to_pylist() == [
        dict(zip(pq.read_table(out).column_names, ("C-1", *EXAMPLE_VECTORS["C-1001"][:4], 0.0, 3.0), strict=True))
    ]


def test_what_cannot_be_written_leaves_what_was(spark_session: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text(*ROWS))
    (tmp_path / "file").write_text("old")
    with pytest.raises(Exception, match=r"file|Mkdirs|FileAlreadyExists|NotDirectory"):
        published(spark_session, tmp_path / "file" / "features", tmp_path / "a.csv")
    assert (tmp_path / "file").read_text() == "old"
    frame = spark_session.sql("SELECT 1 AS x")
    with pytest.raises(OutputError, match="this Spark does not know delta: give spark-submit its package"):
        files._write(frame, str(tmp_path / "d"), files.Format.DELTA)


def test_sources(spark_session: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text(*ROWS))
    (tmp_path / "b.csv").write_text(csv_text(*ROWS, header="customer_id,transaction_id,date,total,product_id"))
    (tmp_path / "c.ndjson").write_text('{"customer_id": 1}\n')
    assert files.read(spark_session, [str(tmp_path / "a.csv")] * 2, None).count() == 4
    with pytest.raises(
        SourceError, match=r"b\.csv: its columns are not those of .*a\.csv: amount string, total string"
    ):
        files.read(spark_session, [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], None)
    with pytest.raises(SourceError, match=r"none\.parquet: .*PATH_NOT_FOUND"):
        files.read(spark_session, [str(tmp_path / "none.parquet")], None)
    with pytest.raises(SourceError, match=r"nowhere: .*TABLE_OR_VIEW_NOT_FOUND"):
        files.read(spark_session, ["nowhere"], "table")
    assert files.read(spark_session, [str(tmp_path / "c.ndjson")], None).columns == ["customer_id"]


def test_a_line_that_breaks_the_syntax_stops_the_job(spark_session: Any, tmp_path: Path) -> None:
    """Spark would fill up or cut such a line, and say nothing."""
    (tmp_path / "a.csv").write_text(csv_text(*ROWS, "C-1,T-3,2025-04-18,1"))
    rows = files.read(spark_session, [str(tmp_path / "a.csv")], None)
    with pytest.raises(Exception, match=r"MALFORMED_RECORD"):
        spark(spark_session)(rows.toArrow(), {"today": TODAY})
