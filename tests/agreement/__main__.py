"""``make agreement``: at least a million generated customers and the grocery data through every door.

Ends with 1 on any difference, and where a door cannot be had.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from tests.agreement.every_door import DOORS
from tests.agreement.every_door.running import Tally, run

TOLD = 20
"""So many differences of a door are told."""


def table(tallies: dict[str, Tally]) -> str:
    """The table that is printed: a line for each door."""
    notes = {door.name: "; ".join(sorted(f"without {limit}" for limit in door.limits)) for door in DOORS}
    columns: list[tuple[str, Callable[[Tally], Any]]] = [
        ("customers", attrgetter("customers")),
        ("households", attrgetter("households")),
        ("vectors", attrgetter("vectors")),
        ("faults", attrgetter("faults")),
        ("differing bits", attrgetter("bits")),
        ("differing faults", attrgetter("differing_faults")),
        ("errors", lambda tally: 0 if tally.bits or tally.differing_faults else len(tally.says)),
        ("seconds", lambda tally: round(tally.seconds)),
    ]
    lines = [["door", *(name for name, _ in columns), "notes"]]
    for name, tally in tallies.items():
        lines.append([name, *(f"{value(tally):,}" for _, value in columns), notes[name]])
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns) + 1)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:], strict=True)]
            + [line[-1]]
        ).rstrip()
        for line in lines
    )


def main(arguments: Iterable[str] | None = None) -> int:
    every = [door.name for door in DOORS]
    parser = argparse.ArgumentParser(prog="python -m tests.agreement", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000, help="generated customers for each door")
    parser.add_argument("--doors", help=f"beginnings or parts of names, separated by commas, of: {'; '.join(every)}")
    given = parser.parse_args(None if arguments is None else list(arguments))
    names = tuple(every)
    if given.doors:
        asked_for = [name.strip().lower() for name in given.doors.split(",")]
        names = tuple(name for name in every if any(part in name.lower() for part in asked_for))
        if unknown := [part for part in asked_for if not any(part in name.lower() for name in every)]:
            parser.error(f"there is no door {', '.join(unknown)}; there are {'; '.join(every)}")
    tallies = {name: Tally() for name in names}
    for title, found in run(names, given.customers):
        for name, tally in found.items():
            tallies[name] += tally
        wrong = [name for name, tally in found.items() if tally.differs]
        print(f"{title}: {', '.join(wrong) or 'no difference'}", flush=True)
    print(f"\n{table(tallies)}")
    differing = [tally for tally in tallies.values() if tally.differs]
    for tally in differing:
        print("", *tally.says[:TOLD], sep="\n")
    print(
        f"\n{min(tally.customers for tally in tallies.values()):,} generated customers through each of"
        f" {len(tallies)} doors, {sum(tally.vectors for tally in tallies.values()):,} vectors;"
        f" doors with differences: {len(differing)}"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
