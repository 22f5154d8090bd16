"""Columns of Arrow as arrays of NumPy and back, over the same memory; by Arrow's own ways it would import pandas."""

from __future__ import annotations

import pyarrow as pa

from customer_features.engines.words import Array
from customer_features.errors import MissingExtra

try:
    import numpy as np
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error


def array(column: pa.Array) -> Array:
    """A column of numbers without nulls, not to be written to."""
    return np.from_dlpack(column)


def arrow(values: Array) -> pa.Array:
    """An array of numbers as a column of their type."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])
