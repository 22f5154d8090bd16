"""What a kind of dataframe is to the Python door: the same few names in each module of this folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from customer_features.errors import CustomerFeaturesError, SourceError


class Kind(ABC):
    """One frame of a kind; ``name`` is what the frame is called in messages (``transactions``, ``loyalty``).

    A library is never imported here: a frame is its library's only when that is imported already.
    """

    called: ClassVar[str]
    """What people call the kind."""
    deferred: bool = False
    """Whether the result is computed only when it is asked for, by :meth:`later`."""

    def __init__(self, frame: Any, name: str) -> None:
        self.frame = frame
        self.name = name

    @staticmethod
    @abstractmethod
    def owns(frame: Any) -> bool:
        """Whether a frame is of this kind."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """The names of the columns, in their order. Raises SourceError where a lazy frame has none to tell."""

    @property
    def beside(self) -> list[str]:
        """Names of what the frame holds beside its columns: of an index, for one."""
        return []

    @abstractmethod
    def columns(self, places: list[int], folder: Path) -> pa.Table:
        """The columns at these places as Arrow, to be read many times; ``folder`` is for what is larger than memory.

        Raises SourceError for what is no table of columns.
        """

    def keep(self, folder: Path) -> None:  # noqa: B027 - most kinds find their rows again by themselves
        """See to it that :meth:`picked` finds the rows again; called before :meth:`columns`, where it is at all."""

    @abstractmethod
    def like(self, table: pa.Table) -> Any:
        """The table as this kind of frame."""

    @abstractmethod
    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        """The frame's rows at these places (from 0), its columns under new names, behind those of ``front``."""

    def later(self, work: Callable[[], Any], schema: pa.Schema, names: list[str] | None) -> Any:
        """A frame that calls ``work`` when it is computed.

        ``schema``: of its columns, or, where ``names`` are given, of those that stand before the frame's own under
        these names.
        """
        raise NotImplementedError


def unread(name: str, error: BaseException, what: str) -> CustomerFeaturesError:
    """A library's error while it handed out its rows, in a sentence."""
    if isinstance(error, CustomerFeaturesError):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else "no reason is given"
    return SourceError(f"{name}: {what} cannot be computed: {said} ({type(error).__name__})")
