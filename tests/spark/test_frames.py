"""The Spark door's refusals, which need no Java; what it computes is in tests/engines/spark/test_engine.py."""

from __future__ import annotations

import inspect
from typing import Any

import pyarrow as pa
import pytest

import customer_features
from customer_features import spark
from customer_features.errors import InvalidOption, SourceError, UsageError
from customer_features.spark.frames import is_path
from tests.test_architecture import python


def test_it_takes_what_the_python_door_takes() -> None:
    ours = inspect.signature(spark.build).parameters
    theirs = inspect.signature(customer_features.build).parameters
    # Spark's own readers say how text is written, and no customer is set aside whole there.
    others = {"date_format", "decimal", "thousands", "incomplete"}
    for name in set(theirs) - others:
        assert ours[name].default == theirs[name].default, name
    assert set(ours) - set(inspect.signature(customer_features.build).parameters) == {"quarantine"}
    assert set(inspect.signature(spark.check).parameters) == set(ours)


def test_it_needs_neither_duckdb_nor_pyarrow() -> None:
    code = "import customer_features.spark, customer_features.engines.spark.engine, customer_features.spark.job\n"
    code += "import customer_features.spark.files; print('ok')"
    ran = python(code, "duckdb", "pyarrow", "numpy")
    assert (ran.returncode, ran.stdout) == (0, "ok\n"), ran.stderr
    assert python("from customer_features import FaultsQuarantined, Suspicious", "duckdb").returncode == 0


@pytest.mark.parametrize("missing", ["pyspark", "sqlglot"])
def test_a_missing_extra(missing: str) -> None:
    code = "try: import customer_features.spark\nexcept ImportError as e: print(type(e).__name__, e)"
    said = python(code, missing).stdout
    assert said == "MissingExtra building on Spark needs the 'spark' extra: pip install 'customer-features[spark]'\n"


def test_not_a_spark_frame() -> None:
    with pytest.raises(SourceError, match="transactions: found pyarrow Table; allowed is a Spark DataFrame"):
        spark.build(pa.table({"a": [1]}))  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="transactions: found builtins NoneType"):
        spark.check(None)  # type: ignore[arg-type]


def test_a_frame_of_spark_connect() -> None:
    remote = type("DataFrame", (), {"__module__": "pyspark.sql.connect.dataframe"})()
    with pytest.raises(SourceError, match=r"found a DataFrame of Spark Connect, .* use a classic session"):
        spark.build(remote)


def test_an_old_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyspark.__version__", "3.5.7")
    with pytest.raises(UsageError, match=r"PySpark 3\.5\.7 is too old: Spark 4\.0 or newer is needed"):
        spark.build(pa.table({}))  # type: ignore[arg-type]


def test_options() -> None:
    frame: Any = None
    with pytest.raises(InvalidOption, match="grain: 'lines' is not one of transaction, line"):
        spark.build(frame, grain="lines")
    with pytest.raises(InvalidOption, match="quarantine: goes with on_fault='quarantine'"):
        spark.build(frame, quarantine="somewhere")


@pytest.mark.parametrize(
    ("target", "path"), [("s3a://b/q", True), ("q.parquet", True), ("/q", True), ("shop.quarantine", False)]
)
def test_paths_and_tables(target: str, path: bool) -> None:
    assert is_path(target) is path
