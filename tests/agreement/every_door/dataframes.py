"""The doors of Python: ``build`` over each kind of dataframe, and ``check`` where rows were left out."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any, ClassVar

import duckdb
import pyarrow as pa

import customer_features
from tests.agreement.doors import FRAMES, to_arrow
from tests.agreement.every_door.generator import Case
from tests.agreement.every_door.interface import Door, Limit, Outcome


def named(kind: type) -> set[str]:
    """The names of a class and of those it is derived from, each behind its library's."""
    return {f"{one.__module__.partition('.')[0].lstrip('_')}.{one.__name__}" for one in kind.__mro__}


class Dataframe(Door):
    """``build`` over one kind of dataframe: how it is made of an Arrow table, and made one again."""

    kind: ClassVar[str]
    """The library and the name of its class."""

    @staticmethod
    def made(table: pa.Table) -> Any:
        raise NotImplementedError

    @staticmethod
    def arrow(frame: Any) -> pa.Table:
        raise NotImplementedError

    def built(self, frame: Any, **options: Any) -> Any:
        """The vectors of a frame."""
        return customer_features.build(frame, **options)

    def run(self, case: Case) -> Outcome:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = self.built(self.made(case.table), on_fault="quarantine", max_faults=1, **case.options)
            assert self.kind in named(type(found)), type(found)
            vectors = self.arrow(found)  # what is lazy warns here
        vectors = vectors.set_column(0, "customer_id", vectors["customer_id"].cast(pa.string()))
        told = [one for one in said if issubclass(one.category, customer_features.FaultsQuarantined)]
        if not told:
            return Outcome(vectors, {}, listed={})
        faulty = self.arrow(customer_features.check(self.made(case.table), **case.options))
        firsts = Counter(faulty["fault"].to_pylist())
        listed = Counter(name for names in faulty["faults"].to_pylist() for name in names.split(","))
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(firsts.items()))
        assert len(told) == 1
        assert sorted(str(told[0].message).partition("(")[2].partition(")")[0].split(", ")) == counts.split(", ")
        return Outcome(vectors, firsts, listed=listed)


class PyArrow(Dataframe):
    name = "Python, PyArrow"
    kind = "pyarrow.Table"

    @staticmethod
    def made(table: pa.Table) -> Any:
        return table

    @staticmethod
    def arrow(frame: Any) -> pa.Table:
        return frame


class Pandas(Dataframe):
    name = "Python, pandas"
    limits = frozenset({Limit.NAN, Limit.INFINITE_DAY})
    kind = "pandas.DataFrame"

    @staticmethod
    def made(table: pa.Table) -> Any:
        return table.to_pandas()

    @staticmethod
    def arrow(frame: Any) -> pa.Table:
        return pa.Table.from_pandas(frame, preserve_index=False)


class ScikitLearn(Pandas):
    """The transformer, whose vectors have their ids in the index."""

    name = "Python, scikit-learn"

    def built(self, frame: Any, **options: Any) -> Any:
        from customer_features.sklearn import CustomerFeatures

        return CustomerFeatures(**options).fit_transform(frame).reset_index()


class Polars(Dataframe):
    name = "Python, Polars"
    kind = "polars.DataFrame"

    @staticmethod
    def made(table: pa.Table) -> Any:
        return FRAMES["polars"](table)

    @staticmethod
    def arrow(frame: Any) -> pa.Table:
        return frame.to_arrow()


class DuckDBRelation(Dataframe):
    name = "Python, DuckDB"
    kind = "duckdb.DuckDBPyRelation"

    @staticmethod
    def made(table: pa.Table) -> Any:
        return duckdb.connect().from_arrow(table)

    @staticmethod
    def arrow(frame: Any) -> pa.Table:
        return frame.to_arrow_table()


class Kind(Dataframe):
    """A kind of dataframe by its name among those of tests/frames."""

    kind = "builtins.object"

    def __init__(self, name: str) -> None:
        self.name = f"Python, {name}"  # type: ignore[misc]
        self.made = FRAMES[name]  # type: ignore[method-assign]
        if name in ("dask", "narwhals"):
            self.limits = Pandas.limits  # type: ignore[misc]  # they stand on pandas

    @staticmethod
    def arrow(frame: Any) -> pa.Table:
        return to_arrow(frame)
