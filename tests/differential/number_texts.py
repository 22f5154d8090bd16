"""Generators of texts that are numbers, money of one currency, or nearly so."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.differential.texts import Generator, broken, distinct

_LETTERS = (
    "0123456789:-+.,,..''  ()eEkK$_/%x\u20ac\u2019\u2212\u2013\u00a0\u202f\u2009\u2007\t\u0665\uff11é\u200b\ufeffnN"
)
_MINUS = ("-", "-", "\u2212", "\u2013")
_THOUSANDS = (",", ",", "'", "\u2019", " ", "\u00a0", "\u202f", "\u2009", "\u2007")
_PLACES = ("0", "1", "0.5", ".5", "5.", "-.5", "-5.", "+.5", "1e3", "1E-3", "1e+3", "1.5e2", ".5e1", "5.e1", "-0", "+0")
_ENDS = (
    *("100000000000", "100000000000.00001", "100000000001", "-100000000000", "-100000000000.01", "99999999999.99995"),
    *("1e11", "1.0000001e11", "1e308", "1e309", "-1e309", "1e-320", "1e-400", "-1e-400", "1e99999", "1e-99999"),
    *("0.00005", "0.00004999999999999999", "-0.00005", "-0.00015", "0.00015", "2.675", "1.005", "8.41245", "0.1"),
)
_NO_NUMBERS = (
    *("", " ", "\u00a0", ".", ",", "-", "+", "()", "(", ")", "'", "''", "e", "e5", "1e", "1e+", "1e1.5", "1e 5", "--5"),
    *("+-5", "-+5", "- -5", "0x1F", "0b1", "0o7", "1_000", "1__0", "1d", "1f", "5L", "5d0", "1,5e3", "½", "٣", "１２"),
    *("inf", "-inf", "+inf", "Infinity", "-INFINITY", "nan", "NaN", "-nan", "+NaN", "NAN", "infinit", "nan(1)", "1inf"),
    *("null", "None", "n/a", "#N/A", "true", "false", "t", "f", "yes", "abc", "12abc", "abc12", "12 abc", "5%", "12/3"),
    *("12:30", "2025-04-01", "1.2.3", "1..2", "1,,000", "1 250 00", "12 50", "=5", "=1+1", "5;", "{5}", "[5]", '"5"'),
    *("(5", "5)", "((5))", "(-5)", "(5)-", "-(5)", "-5-", "5--", "+5-", "5 +", "+ 5", "- 5", "5 -", "5-", "5+", "'-5"),
)


def _whole(luck: random.Random) -> str:
    digits = luck.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 11)) if luck.random() < 0.95 else luck.randrange(12, 60)
    return (
        str(luck.randrange(10**digits)) if luck.random() < 0.9 else "0" * luck.randrange(4) + str(luck.randrange(999))
    )


def _fraction(luck: random.Random) -> str:
    places = luck.choice((1, 2, 2, 2, 3, 3, 4, 5, 6)) if luck.random() < 0.95 else luck.randrange(7, 50)
    return "".join(luck.choices("0123456789", k=places))


def _blanks(luck: random.Random) -> str:
    return luck.choice(("", "", "", "", " ", "\t", "  ", "\n", "\r", "\f", "\v"))


def _number(luck: random.Random) -> str:
    kind = luck.random()
    if kind < 0.12:
        return luck.choice(_PLACES + _ENDS + _NO_NUMBERS)
    made = luck.choice(("", "", "", "-", "+")) + _whole(luck)
    if luck.random() < 0.6:
        made += "." + _fraction(luck)
    if luck.random() < 0.15:
        made += (
            luck.choice("eE") + luck.choice(("", "+", "-")) + str(luck.randrange(13 if luck.random() < 0.9 else 400))
        )
    return _blanks(luck) + made + _blanks(luck) if luck.random() < 0.2 else made


def _grouped(luck: random.Random) -> str:
    """Digits in groups, most of them of three."""
    mark = luck.choice(_THOUSANDS)
    groups = [str(luck.randrange(1 if luck.random() < 0.9 else 0, luck.choice((10, 100, 1000))))]
    size = 3 if luck.random() < 0.8 else 2
    groups += [f"{luck.randrange(10**size):0{size}}" for _ in range(luck.choice((1, 1, 1, 2, 3)))]
    if size == 2 or luck.random() < 0.05:
        groups.append(f"{luck.randrange(1000):03}")
    if luck.random() < 0.05:
        return luck.choice(_THOUSANDS).join(groups[:2]) + mark + mark.join(groups[1:])
    return mark.join(groups)


def _decorated(luck: random.Random) -> str:
    """A number with a sign at some place, in brackets, behind an apostrophe, or with marks between thousands."""
    made = _grouped(luck) if luck.random() < 0.6 else _whole(luck)
    if luck.random() < 0.6:
        made += "." + _fraction(luck)
    return _apostrophe(_signed(made, luck), luck)


def _signed(made: str, luck: random.Random) -> str:
    kind, minus, blank = luck.random(), luck.choice(_MINUS), luck.choice(("", "", " ", "\u00a0", "\t"))
    if kind < 0.2:
        return minus + blank + made
    if kind < 0.3:
        return made + blank + minus
    if kind < 0.45:
        return f"({blank}{made}{blank})"
    return luck.choice(("+", "-", "")) + made if kind < 0.55 else made


def _apostrophe(made: str, luck: random.Random) -> str:
    made = "'" + made if luck.random() < 0.1 else made
    return luck.choice(" \t\u00a0\u202f") + made if luck.random() < 0.05 else made


def _money(mark: str) -> Generator:
    """Money of one currency, whose mark stands before or behind."""

    def text(luck: random.Random) -> str:
        made = _grouped(luck) if luck.random() < 0.35 else _whole(luck)
        made = made + "." + _fraction(luck) if luck.random() < 0.5 else made
        made = "." + _fraction(luck) if luck.random() < 0.04 else made
        shown = mark + ("." if luck.random() < 0.1 else "")
        blank = luck.choice(("", "", " ", " ", "\u00a0", "\u202f", "  "))
        if luck.random() < 0.3:
            return _apostrophe(
                _signed(f"{shown}{blank}{made}" if luck.random() < 0.5 else f"{made}{blank}{shown}", luck), luck
            )
        inner = _signed(made, luck)
        return _apostrophe(f"{shown}{blank}{inner}" if luck.random() < 0.6 else f"{inner}{blank}{shown}", luck)

    return text


def _with_broken(plain: Generator, share: float) -> Generator:
    return lambda luck: (
        broken(made, luck, _LETTERS) if (made := plain(luck)) is not None and luck.random() < share else made
    )


CURRENCIES = ("$", "EUR", "kr", "R$", "Kč", "\u20b9")
"""The marks of currencies, a batch each: sums of several are refused."""
KINDS: dict[str, Generator] = {
    "numbers": _with_broken(_number, 0.3),
    "decorated": _with_broken(_decorated, 0.3),
    **{f"money {mark}": _with_broken(_money(mark), 0.2) for mark in CURRENCIES},
}
"""The kinds of texts that are amounts or nearly so."""


def amounts(kind: str, count: int, fits: Callable[[str], bool]) -> list[str]:
    """So many different texts of a kind that fit."""

    def fitting(luck: random.Random) -> str:
        while not fits(made := KINDS[kind](luck)):
            pass
        return made

    return distinct(fitting, count, kind)


def with_decimal_comma(text: str) -> str:
    """The text with points for commas, and the other way round."""
    return text.translate({ord("."): ",", ord(","): "."})
