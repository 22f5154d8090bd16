"""What a bulk run hands out once its rows are judged, whichever engine ran it: what is published, and what is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from customer_features.definition.options import Options
from customer_features.engines.outcome import Outcome
from customer_features.errors import FoundFault

if TYPE_CHECKING:
    import duckdb

    from customer_features.sources.parts import Part


class Results(Protocol):
    """A run whose rows are judged. ``connection``: the DuckDB session in which its relations are."""

    connection: duckdb.DuckDBPyConnection
    parts: list[Part]
    options: Options
    loyalty: Part | None
    outcome: Outcome

    @property
    def how(self) -> Mapping[str, Any]:
        """What a manifest tells among the options besides them."""
        ...

    @property
    def days(self) -> Mapping[str, Any]:
        """How days were counted (see ``written_days``); empty where the engine does not tell."""
        ...

    @property
    def mapping(self) -> dict[str, str]:
        """The column or expression of each field, as people named it."""
        ...

    @property
    def scored_by(self) -> dict[str, str]:
        """The same of the loyalty source; empty where there is none."""
        ...

    @property
    def progress(self) -> float:
        """The share of the work that is done, from 0 to 1."""
        ...

    def size(self) -> tuple[int | None, int | None]:
        """Rows and bytes of the sources, each None where it is not known before all of it is read."""
        ...

    def vectors(self) -> duckdb.DuckDBPyRelation:
        """The vectors, ordered by customer_id in byte order (and by ``as_of``)."""
        ...

    def quarantine(self) -> duckdb.DuckDBPyRelation | None:
        """The rows set aside; None when there are none."""
        ...

    def faulty_rows(self) -> duckdb.DuckDBPyRelation:
        """The rows set aside, of which there may be none."""
        ...

    def examples(self, fault: str, count: int) -> list[FoundFault]:
        """The first rows that are filed under a fault."""
        ...
