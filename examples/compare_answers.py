"""Compare two answers of `customer_features` to the same request, number by number.

    python examples/compare_answers.py ONE.json OTHER.json

Both are answers as they came over HTTP. Customers are matched by id, and numbers are compared as they are written:
459.47 and 459.48 differ, 2 and 2.0 do not, and neither does another order of customers. Exit codes: 0 the answers say
the same, 1 they differ, 2 one of the files is no answer.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

Vectors = dict[str, dict[str, Decimal]]
"""Customer id to feature to number, in the order of the answer."""


class NoAnswer(Exception):
    """A file that holds something else than an answer."""


def number(name: str, place: str, value: object) -> Decimal:
    """A feature's number, exactly as it is written."""
    if not isinstance(value, Decimal):
        raise NoAnswer(f"{name}: {place} is {json.dumps(value)} and no number")
    return value


def read(name: str) -> Vectors:
    """The vectors of an answer. Raises NoAnswer, which says what is there instead."""
    try:
        # A number with a point and one without are both read digit by digit; NaN and Infinity are no JSON.
        document: Any = json.loads(
            Path(name).read_bytes(), parse_float=Decimal, parse_int=Decimal, parse_constant=lambda value: value
        )
    except OSError as error:
        raise NoAnswer(f"{name}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise NoAnswer(f"{name}: is no JSON: {error}") from None
    if isinstance(document, dict) and "customers" not in document and "detail" in document:
        raise NoAnswer(f"{name}: is no answer but an error: {document['detail']}")
    if not isinstance(document, dict) or not isinstance(document.get("customers"), list):
        raise NoAnswer(f"{name}: holds no list of customers")
    vectors: Vectors = {}
    for place, customer in enumerate(document["customers"]):
        match customer:
            case {"customer_id": str(known), "features": dict(features)} if known not in vectors:
                vectors[known] = {key: number(name, f"{key} of {known!r}", value) for key, value in features.items()}
            case {"customer_id": str(known), "features": dict()}:
                raise NoAnswer(f"{name}: {known!r} is there twice")
            case _:
                raise NoAnswer(f"{name}: customers[{place}] has no customer_id and features")
    return vectors


def say(number: Decimal | None) -> str:
    if number is None:
        return "nothing"
    return f"{number:f}" if abs(number.adjusted()) < 20 else str(number)


def compare(one: Vectors, other: Vectors, names: tuple[str, str]) -> bool:
    """Print what differs; True where nothing does."""
    both = [known for known in one if known in other]
    alone = [[known for known in mine if known not in yours] for mine, yours in ((one, other), (other, one))]
    print(f"Customers: {len(both):,} in both")
    for name, missing in zip(names, alone, strict=True):
        if missing:
            print(f"           {len(missing):,} in {name} alone, e.g. {missing[0]!r}")
    if both != [known for known in other if known in one]:
        print("           in another order")
    same = not any(alone)
    for feature in dict.fromkeys(key for known in both for key in (*one[known], *other[known])):
        pairs = {known: (one[known].get(feature), other[known].get(feature)) for known in both}
        differ = {known: pair for known, pair in pairs.items() if pair[0] != pair[1]}
        if not differ:
            print(f"{feature:18} the same")
            continue
        same = False
        apart = {known: abs(mine - yours) for known, (mine, yours) in differ.items() if None not in (mine, yours)}
        most = f", by {say(max(apart.values()))} at most" if apart else ""
        known = max(apart, key=apart.__getitem__) if apart else next(iter(differ))
        mine, yours = differ[known]
        print(f"{feature:18} differs for {len(differ):,}{most}; e.g. {known!r}: {say(mine)} and {say(yours)}")
    return same


def main(words: list[str]) -> int:
    if len(words) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        one, other = read(words[0]), read(words[1])
    except NoAnswer as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0 if compare(one, other, (words[0], words[1])) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
