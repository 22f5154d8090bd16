"""What a number or an amount of money in text means, in plain Python and apart from the code under test."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MISSING, UNREADABLE, OUT_OF_RANGE = "missing_amount", "unreadable_amount", "amount_out_of_range"
_ASCII_BLANKS = " \t\n\v\f\r"
_BLANKS = _ASCII_BLANKS + "\u00a0\u2007\u2009\u202f"
_MINUS = "-\u2212\u2013"
_SYMBOLS = {*"$¢£¤¥฿﷼", *map(chr, range(0x20A0, 0x20C1))}
_ABBREVIATIONS = ("kr", "Kr", "Rs", "лв", "руб", "zł", "Kč", "Ft")
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NO_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Amount:
    """A text that is read: its units of 1/10000, and whether it is below zero."""

    units: int
    negative: bool


def amount_of(text: str, decimal: str = ".", *, money: bool = True) -> Amount | str:
    """The amount that a text holds, or the name of its fault; ``money``: also where it is no plain number."""
    if text == "":
        return MISSING
    value = _plain(text, decimal)
    if value is None and money:
        value, _ = _money(text, decimal)
    if value is None:
        return UNREADABLE
    if not abs(value) <= 1e11:
        return OUT_OF_RANGE
    return Amount(math.floor(value * 10000 + 0.5), value < 0)


def currency_of(text: str) -> str:
    """The currency beside a number in text, be it out of range; empty where there is none."""
    value, currency = _money(text, ".")
    return currency if value is not None else ""


def _plain(text: str, decimal: str) -> float | None:
    """A number as programs write one."""
    if decimal == "," and "." in text:
        return None
    inner = text.replace(decimal, ".").strip(_ASCII_BLANKS)
    return float(inner) if _PLAIN.fullmatch(inner) or _NO_FINITE.fullmatch(inner) else None


def _money(text: str, decimal: str) -> tuple[float | None, str]:
    """A number with a currency, brackets, a minus at some place or marks between thousands, and the currency."""
    rest = text.strip(_BLANKS)
    if rest.startswith("'"):
        rest = rest[1:].strip(_BLANKS)
    bracketed = rest.startswith("(") and rest.endswith(")")
    if bracketed:
        rest = rest[1:-1].strip(_BLANKS)
    signs: list[str] = []

    def at_start() -> None:
        nonlocal rest
        if rest[:1] and rest[0] in f"+{_MINUS}":
            signs.append(rest[0])
            rest = rest[1:].lstrip(_BLANKS)

    def at_end() -> None:
        nonlocal rest
        if rest[-1:] and rest[-1] in f"+{_MINUS}":
            signs.append(rest[-1])
            rest = rest[:-1].rstrip(_BLANKS)

    at_start()
    at_end()
    before, behind = _currency_before(rest), _currency_behind(rest)
    if before is not None:
        mark, is_word, rest = before
        if not bracketed and not signs and not is_word and re.fullmatch(r"\(.*\)", rest, re.DOTALL):
            bracketed, rest = True, rest[1:-1].strip(_BLANKS)
        else:
            at_start()
        if is_word and rest.startswith(decimal):
            return None, ""
    elif behind is not None:
        mark, rest = behind
        at_end()
    else:
        mark = ""
    if len(signs) + bracketed > 1:
        return None, ""
    value = _grouped(rest, decimal)
    if value is None:
        return None, ""
    negative = bracketed or (signs and signs[0] != "+")
    return (-value if negative else value), mark


def _currency_before(text: str) -> tuple[str, bool, str] | None:
    """A currency at the beginning, whether it is a word, and the rest."""
    for size in range(4):
        letters, symbol = text[:size], text[size : size + 1]
        if symbol in _SYMBOLS and _are_capitals(letters):
            return letters + symbol, False, text[size + 1 :].lstrip(_BLANKS)
    for word in (text[:3], *_ABBREVIATIONS):
        if text.startswith(word) and (word in _ABBREVIATIONS or (len(word) == 3 and _are_capitals(word))):
            rest = text[len(word) :]
            if rest.startswith("."):
                if rest[1:2] == "" or rest[1] not in _BLANKS:
                    return None
                rest = rest[1:]
            return word, True, rest.lstrip(_BLANKS)
    return None


def _currency_behind(text: str) -> tuple[str, str] | None:
    """A currency at the end, and the rest."""
    if text[-1:] in _SYMBOLS:
        rest = text[:-1]
        letters = re.search("[A-Z]{0,3}$", rest)
        assert letters is not None
        return letters[0] + text[-1], rest[: letters.start()].rstrip(_BLANKS)
    whole = text.removesuffix(".")
    for word in (whole[-3:], *_ABBREVIATIONS):
        if whole.endswith(word) and (word in _ABBREVIATIONS or (len(word) == 3 and _are_capitals(word))):
            return word, whole[: -len(word)].rstrip(_BLANKS)
    return None


def _are_capitals(text: str) -> bool:
    return all("A" <= letter <= "Z" for letter in text)


def _grouped(text: str, decimal: str) -> float | None:
    """Digits with a decimal mark, and with marks of one kind between thousands."""
    whole, mark, fraction = text.partition(decimal)
    if (mark and not _are_digits(fraction)) or not (whole or mark):
        return None
    for kind in (".", ",", "'\u2019", _BLANKS):
        if decimal in kind:
            continue
        groups = re.split(f"[{re.escape(kind)}]", whole)
        if len(groups) > 1:
            sizes = [len(group) for group in groups]
            thousands = sizes[0] <= 3 and set(sizes[1:]) == {3}
            lakh = kind == "," and sizes[0] <= 2 and sizes[-1] == 3 and set(sizes[1:-1]) == {2}
            if not all(map(_are_digits, groups)) or groups[0].startswith("0") or not (thousands or lakh):
                return None
            whole = "".join(groups)
            break
    if whole and not _are_digits(whole):
        return None
    return float(f"{whole or 0}.{fraction or 0}")


def _are_digits(text: str) -> bool:
    return text != "" and all("0" <= letter <= "9" for letter in text)


def needs_decimal_comma(text: str) -> bool:
    """Whether a decimal comma alone explains the digits and marks of a text."""
    match = re.search("[0-9](?:.*[0-9])?", text, re.DOTALL)
    core = "" if match is None else match[0]
    if re.fullmatch("[0-9]+,[0-9]+", core):
        before, _, after = core.partition(",")
        return len(after) != 3 or len(before) > 3 or before[0] == "0"
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3}){2,}", core):
        return True
    return re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]+", core) is not None
