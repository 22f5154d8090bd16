"""Columns and arrays over the same memory, without pandas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from customer_features.engines.duckdb.distinct import array, arrow
from tests.test_architecture import python


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64", "uint64"])
def test_there_and_back(kind: str) -> None:
    most = np.iinfo(kind).max
    column = pa.array([0, 1, most, 7], getattr(pa, kind)()).slice(1)
    values = array(column)
    assert (values.dtype, values.tolist()) == (np.dtype(kind), [1, most, 7])
    assert arrow(values).equals(column)


def test_pandas_is_left_alone() -> None:
    code = "import numpy, pyarrow; from customer_features.engines.duckdb.distinct import array, arrow;"
    code += " column = arrow(array(arrow(numpy.arange(3)))); table = pyarrow.table({'a': column});"
    ran = python(code + " print(table['a'].length(), 'pandas' in sys.modules)")
    assert (ran.returncode, ran.stdout) == (0, "3 False\n"), ran.stderr
