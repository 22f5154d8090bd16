"""``make attack``: ends with 1 where another tenant was misled, refused or kept waiting, or the server failed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from tests.attack.attacker import Attack
from tests.attack.attacks import ATTACKS
from tests.attack.running import attacked


def chosen(words: Sequence[str], attacks: Sequence[Attack]) -> list[Attack]:
    """The attacks of these parts or findings; all of them without words. Raises ValueError naming an unknown word."""
    known = {name for attack in attacks for name in _names(attack)}
    if unknown := sorted(set(words) - known):
        parts = ", ".join(dict.fromkeys(attack.part for attack in attacks))
        raise ValueError(f"there is no attack {', '.join(unknown)}; there are the parts {parts}, and see --list")
    return [attack for attack in attacks if not words or _names(attack) & set(words)]


def _names(attack: Attack) -> set[str]:
    """What an attack is chosen by: its part, its finding, and its name in one word."""
    return {attack.part, attack.name.split()[0], attack.name.replace(" ", "-")}


def main(arguments: Iterable[str] | None = None, attacks: Sequence[Attack] = ATTACKS) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", help="parts or findings, such as: memory B4 E6-rows; all of them by default"
    )
    parser.add_argument("--list", action="store_true", help="only list the attacks")
    parser.add_argument("--seed", type=int, default=0, help="for what an attack leaves to luck (default: 0)")
    given = parser.parse_args(None if arguments is None else list(arguments))
    try:
        selected = chosen(given.parts, attacks)
    except ValueError as error:
        parser.error(str(error))
    if given.list:
        for attack in selected:
            print(f"{attack.name.replace(' ', '-'):12} {attack.part:10} {attack.tells}")
        return 0
    failed = []
    for attack in selected:
        report = attacked(attack, given.seed)
        print(report.line(), flush=True)
        for text in report.texts:
            print(f"         {text}", flush=True)
        failed += [attack.name] if report.faults else []
    print(f"\n{len(selected)} attacks, {len(failed) or 'none'} did not hold{': ' if failed else ''}{', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
