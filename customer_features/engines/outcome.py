"""What became of the rows of one run, whichever engine ran it: the balance, and whether its faults stop it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from customer_features.definition.counts import are, counted, told_apart
from customer_features.definition.faults import WARNINGS
from customer_features.definition.options import OnFault, Options
from customer_features.errors import DataFaults, FaultsQuarantined, FoundFault, Suspicious


class Unreconciled(RuntimeError):
    """Rows are unaccounted for: a fault of the engine, or of a file that gives different rows each time."""


@dataclass(slots=True)
class Outcome:
    """What became of the rows of one run: ``rows_in = used + excluded + quarantined``, always."""

    rows_in: int = 0
    used: int = 0
    excluded: int = 0
    excluded_by: dict[str, int] = field(default_factory=dict)
    """The excluded rows by the rule that left them out; rules that left out none are not there."""
    quarantined: int = 0
    customers: int = 0
    customers_incomplete: int = 0
    """Customers with a vector who lost at least one row to the quarantine."""
    faults: dict[str, int] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was decided about the values, in sentences."""
    rows_by_source: dict[str, int] = field(default_factory=dict)
    loyalty: dict[str, int] = field(default_factory=dict)
    """Of a loyalty file: how many customers it names, and how many of them have no row that counts."""
    near_scores: list[tuple[str, str, int]] = field(default_factory=list)
    """Left-over scores and customers without one whose ids are nearly the same: both ids of a few, and how many."""

    def exclude(self, after_today: int, before_window: int) -> None:
        """Count the rows that the dates leave out."""
        counts = {"after_today": after_today, "before_window": before_window}
        self.excluded_by = {name: count for name, count in counts.items() if count}
        self.excluded = after_today + before_window

    def note_gone(self, customers: int) -> None:
        """Note how many customers have faulty rows and none that counts."""
        if customers:
            have = "has no vector" if customers == 1 else "have no vector"
            self.notes.append(f"{counted(customers, 'customer')} {have}: none of their rows counts, some are faulty")

    def balance(self) -> dict[str, Any]:
        """The rows as plain JSON values, for a manifest."""
        return {
            "in": self.rows_in,
            "used": self.used,
            "excluded": self.excluded,
            "excluded_by": self.excluded_by,
            "quarantined": self.quarantined,
        }

    @property
    def faulty(self) -> str:
        """How many rows are faulty, in words."""
        return f"{self.quarantined:,} of {counted(self.rows_in, 'row')} {are(self.quarantined)} faulty"

    def reconcile(self) -> None:
        """Raise Unreconciled unless every row is accounted for.

        The four numbers come from four queries: of the sources, the roll-up, the rows left out and those set aside.
        """
        if self.rows_in != self.used + self.excluded + self.quarantined:
            raise Unreconciled(
                f"rows do not add up: {self.rows_in} in, {self.used} used, {self.excluded} excluded,"
                f" {self.quarantined} quarantined; nothing was published"
            )

    def note_whole(self, field: str) -> None:
        """Add a note that text ids of this field are read as whole numbers."""
        self.notes.append(f"{field}: whole numbers that are written as 17850.0 are read as 17850")

    def loyalty_warnings(self) -> list[dict[str, Any]]:
        """Warnings where the loyalty scores are of no customer that has rows, or of some in other words."""
        return self._no_matches() + self._near_matches()

    def _no_matches(self) -> list[dict[str, Any]]:
        named = self.loyalty.get("customers", 0)
        if not named or named > self.loyalty["unknown_customers"]:
            return []
        whom = "the one customer" if named == 1 else f"none of the {named:,} customers"
        what = f"{whom} with a loyalty score {'has no row' if named == 1 else 'has a row'} that counts"
        return [{"name": "no_loyalty_matches", "count": named, "message": WARNINGS["no_loyalty_matches"].says(what)}]

    def _near_matches(self) -> list[dict[str, Any]]:
        if not self.near_scores:
            return []
        count = self.near_scores[0][2]
        shown = "; ".join(
            f"{told_apart(bought)} has rows and {told_apart(scored)} a score" for scored, bought, _ in self.near_scores
        )
        said = WARNINGS["near_loyalty_ids"].says(f"{counted(count, 'customer')}, e.g. {shown}")
        return [{"name": "near_loyalty_ids", "count": count, "message": said}]

    def stop_on_faults(self, options: Options, found: Callable[[], list[FoundFault]]) -> None:
        """Raise DataFaults where the options say that these faults are too many; ``found`` gives the first of them."""
        if not self.quarantined:
            return
        reason = self._too_many(options)
        if reason is None:
            return
        raise DataFaults(reason, self.faults, found(), self.rows_in)

    def _too_many(self, options: Options) -> str | None:
        """Say which faults are more than the options allow, None where none are."""
        of_rows = f"of {counted(self.rows_in, 'row')}"
        if options.on_fault is OnFault.FAIL:
            return self.faulty
        tolerated = dict(options.tolerate)
        for name, limit in tolerated.items():
            count = self.faults.get(name, 0)
            if count / self.rows_in > limit:
                return (
                    f"{count:,} {of_rows} {'has' if count == 1 else 'have'} the fault {name}:"
                    f" {count / self.rows_in:.2%} is more than the {limit:.2%} allowed by tolerate"
                )
        # Whole customers are set aside because it was asked for, not because of faults of their own.
        rest = sum(n for name, n in self.faults.items() if name not in tolerated and name != "incomplete_customer")
        if rest / self.rows_in <= options.max_faults:
            return None
        return (
            f"{rest:,} {of_rows} {are(rest)} faulty: {rest / self.rows_in:.2%} is more than the"
            f" {options.max_faults:.2%} allowed by max_faults, which points to a wrong mapping"
        )


def customers_incomplete(count: int) -> str:
    """Say that customers have a vector that lacks rows."""
    if count == 1:
        return "1 customer has a vector that lacks faulty rows"
    return f"{count:,} customers have vectors that lack faulty rows"


def warn_of(outcome: Outcome, stacklevel: int, where: str = "check() returns them") -> None:
    """Give the warnings of a run; ``stacklevel``: as of ``warnings.warn``, ``where``: what became of faulty rows."""
    if outcome.quarantined:
        counts = ", ".join(f"{name}: {count}" for name, count in outcome.faults.items())
        lost = outcome.customers_incomplete
        incomplete = f"; {customers_incomplete(lost)}" if lost else ""
        warnings.warn(
            f"{outcome.faulty} and left out ({counts}){incomplete}; {where}",
            FaultsQuarantined,
            stacklevel=stacklevel + 1,
        )
    for warning in outcome.warnings:
        warnings.warn(f"{warning['name']}: {warning['message']}", Suspicious, stacklevel=stacklevel + 1)
