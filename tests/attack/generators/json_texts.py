"""JSON bodies that nobody meant: nesting, numbers, strings, sizes, encodings, names given twice, and slips of bytes."""

from __future__ import annotations

import codecs
import json
import random
from collections.abc import Callable
from typing import Any

from tests.attack.oracle import EXAMPLE
from tests.service.test_fuzz import mutated, shuffled

UNPACKED = 32 * 2**20
"""Bytes of the largest body by default."""


def document(rows: str = "", **customer: Any) -> str:
    """A request of one customer with these rows."""
    row = '{"transaction_id":"t","date":"2025-04-01","amount":1,"product_id":"p"}'
    more = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in customer.items())
    return f'{{"today":"2025-04-24","customers":[{{"customer_id":"c","transactions":[{rows or row}]{more}}}]}}'


def empties(size: int) -> bytes:
    """A request of about so many bytes whose transactions are all empty objects: each has four faults."""
    return document(",".join(["{}"] * (size // 3))).encode()


def _nested(luck: random.Random) -> bytes:
    depth = int(10 ** luck.uniform(0.5, 5))
    opened, closed = luck.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ('{"customers":[', "]}")))
    value = opened * depth + "1" + closed * (depth if luck.random() < 0.7 else 0)
    return (
        document(extra=0).replace('"extra":0', f'"extra":{value}').encode() if luck.random() < 0.6 else value.encode()
    )


_NUMBERS = [
    *("-0", "-0.0", "1E+2", "1e400", "1e-400", "01", "+1", ".5", "1.", "NaN", "Infinity", "0x10", "1_000", "\u0661"),
    *("{0}", "-{0}", "0.{0}", "1e{0:.9}", "-1e-{0:.9}", "{0}.{0}e{0:.3}"),
]
"""Written with digits in the place of ``{0}``."""


def _number(luck: random.Random) -> bytes:
    digits = "".join(luck.choice("0123456789") for _ in range(int(10 ** luck.uniform(0, 5))))
    field = luck.choice(('"amount":1', '"extra":0', '"customer_id":"c"'))
    name = field.partition(":")[0]
    return document(extra=0).replace(field, f"{name}:{luck.choice(_NUMBERS).format(digits)}").encode()


_STRINGS = [
    *("\\u0000", "\\ud800", "\\udc00\\ud800", "\\ud83d\\ude00", "\\x41", "\\", "", "a\nb", "\x7f"),
    *("\u202e", "\ufeff", "e\u0301", "\ud800", "x" * 10_000, "x" * 1_000_000, "\\u0041" * 10_000, "\xe9" * 1_000),
    *("' OR 1=1 --", "{{7*7}}", "%00", "=1+1", "<script>"),
]
"""Written between quotes as they are."""


def _string(luck: random.Random) -> bytes:
    field = luck.choice(("c", "t", "p", "2025-04-01", "2025-04-24"))
    text = "z" * luck.randrange(9) + luck.choice(_STRINGS)
    return document().replace(f'"{field}"', f'"{text}"').encode("utf-8", "surrogatepass")


def _sized(luck: random.Random) -> bytes:
    many = int(10 ** luck.uniform(0, 3.5))
    kind = luck.randrange(5)
    if kind == 0:
        return empties(int(10 ** luck.uniform(2, 5.5)))
    if kind == 1:
        return document(",".join(["null"] * many)).encode()
    if kind == 2:
        return document(**{f"extra{place}": [{}] * 3 for place in range(many)}).encode()
    if kind == 3:
        return b" " * (many * 100) + document().encode() + b"\n" * many
    return json.dumps({"customers": [{}] * many, "today": luck.choice((None, 1, "", []))}).encode()


def _encoded(luck: random.Random) -> bytes:
    text = document().replace('"c"', luck.choice(('"é"', '"日本"', '"😀"')))
    kind = luck.randrange(5)
    if kind == 0:
        return text.encode(luck.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp037")))
    if kind == 1:
        return luck.choice((codecs.BOM_UTF16_BE, codecs.BOM_UTF8, codecs.BOM_UTF8 * 2)) + text.encode()
    broken = luck.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\x00"))
    found = text.encode()
    place = luck.randrange(len(found)) if kind == 2 else found.index(b"p", 90)
    return found[:place] + broken + found[place:]


_NAMES = [
    *(("today", '"2025-04-24"'), ("customers", "[]"), ("grain", '"line"'), ("customer_id", '"d"'), ("amount", "2")),
    *(("transactions", "[]"), ("date", '"x"'), ("loyalty_score", "2"), ("__proto__", "{}"), ("\\u0061mount", "3")),
]
"""Names of the contract and others, each with a value to give it once more."""


def _twice(luck: random.Random) -> bytes:
    name, value = luck.choice(_NAMES)
    again = f'"{name}":{value},' * luck.choice((1, 2, luck.randrange(1_000)))
    found = document()
    places = [place for place, letter in enumerate(found) if letter == "{"]
    place = luck.choice(places) + 1
    return (found[:place] + again + found[place:]).encode()


def _slipped(luck: random.Random) -> bytes:
    if luck.random() < 0.5:
        return mutated(EXAMPLE.sent, luck)
    return json.dumps(shuffled(luck, json.loads(EXAMPLE.sent))).encode()


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "nesting": _nested,
    "numbers": _number,
    "strings": _string,
    "sizes": _sized,
    "encodings": _encoded,
    "names given twice": _twice,
    "slips": _slipped,
}


def mutation(number: int, seed: int = 0) -> tuple[str, bytes]:
    """The kind and the body of that number, the same each time."""
    name = list(KINDS)[number % len(KINDS)]
    return name, KINDS[name](random.Random(f"{seed} json {number}"))
