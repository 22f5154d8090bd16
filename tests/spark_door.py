"""Spark for tests: Java, a session of this machine, and the door as the agreement suite takes it.

Frames are made of Arrow tables: PySpark warns of pandas 3, which is not needed for anything here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from tests.installed import installed

Door = Callable[[pa.Table, Mapping[str, Any]], tuple[pa.Table, dict[str, int], dict[str, int]]]


def java() -> str:
    """The path of Java."""
    installed("ps")
    return installed("java")


QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Compile quickly rather than well: no query of a test is long enough to gain by more."""

LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.extraJavaOptions": QUICK_JAVA,
}


@contextmanager
def running(**settings: str) -> Iterator[Any]:
    """A session on this machine, which ends with the block; within another such block, that one's session."""
    java()
    from pyspark.sql import SparkSession

    if (there := SparkSession.getActiveSession()) is not None and not settings:
        yield there  # a process has but one, and who began it ends it
        return
    with tempfile.TemporaryDirectory(prefix="customer-features-spark-") as folder:
        builder = SparkSession.builder.master("local[2]").appName("tests")
        for name, value in {**LOCAL, "spark.sql.warehouse.dir": f"{folder}/warehouse", **settings}.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        try:
            yield session
        finally:
            session.stop()


def frame_of(session: Any, rows: pa.Table) -> Any:
    """The rows as Spark's; times without a zone stay so, which PySpark would take for instants."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return session.createDataFrame(rows, from_arrow_schema(rows.schema, prefer_timestamp_ntz=True))


def spark(session: Any) -> Door:
    """The door over Arrow tables.

    It takes the six columns of purchases and options as for ``Options.parse``; it gives the vectors, the balance
    (``in``, ``used``, ``excluded``, ``quarantined``) and the rows set aside by fault.
    """
    from customer_features.definition.options import Options
    from customer_features.spark.frames import engine_over

    def door(rows: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, dict[str, int], dict[str, int]]:
        with engine_over(frame_of(session, rows), Options.parse(**options)) as engine:
            outcome = engine.judge(warn=False)
            vectors = engine.vectors().toArrow()
            engine.warehouse.drop()
        balance = {
            "in": outcome.rows_in,
            "used": outcome.used,
            "excluded": outcome.excluded,
            "quarantined": outcome.quarantined,
        }
        return vectors, balance, outcome.faults

    return door
