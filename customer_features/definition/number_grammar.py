"""Numbers and money in text, as regular expressions that every engine reads alike.

Characters beyond ASCII stand alone or between bars, never in a class: some engines compare byte by byte.
"""

from __future__ import annotations

from dataclasses import dataclass

THOUSANDS = (".", ",", "'", " ")
"""Marks between thousands; the blank stands for every kind of blank, the apostrophe for the typographic one too."""
_BLANK = "([ \\t\\n\\x0b\\f\\r]|\u00a0|\u2007|\u2009|\u202f)"
_BLANKS = f"{_BLANK}*"
_MINUS = "-|\u2212|\u2013"
_SIGN = f"([+]|{_MINUS})?"
_SYMBOLS = "|".join(["[$]", *"¢£¤¥฿﷼", *map(chr, range(0x20A0, 0x20C1))])
_SYMBOL = f"([A-Z]{{0,3}}({_SYMBOLS}))"
_WORD = "([A-Z]{3}|kr|Kr|Rs|лв|руб|zł|Kč|Ft)"
_CLASSES = {".": "[.]", ",": ",", "'": "('|\u2019)", " ": _BLANK}

NEGATIVE = f"([(]|{_MINUS})"
"""Stands in a text of money below zero."""
_TWO_SIGNS = f"([(+]|{_MINUS})[^_]*([+]|{_MINUS})"
_OF_CURRENCY = f"([A-Za-z]|{_SYMBOLS}|лв|руб|zł|Kč)"
_TWO_CURRENCIES = f"{_OF_CURRENCY}[^_]*[0-9][^_]*{_OF_CURRENCY}"


@dataclass(frozen=True, slots=True)
class Marks:
    """How numbers in text are written: the mark before decimals, and that between thousands (None: any other one)."""

    decimal: str = "."
    thousands: str | None = None

    @property
    def groups(self) -> list[str]:
        """The marks that may stand between thousands."""
        if self.thousands is not None:
            return [self.thousands]
        return [mark for mark in THOUSANDS if mark != self.decimal]

    @property
    def beside_digits(self) -> str:
        """What is taken out of a text of money to leave its digits and decimal mark."""
        return f"{_WORD}[.]|[^0-9{self.decimal}]"

    @property
    def money(self) -> str:
        """The whole of a text of money, unless it has :attr:`no_money` in it."""
        # Engines compile this in every query, so it is short. ``no_money`` excludes what it matches beyond money.
        decimal = _CLASSES[self.decimal]
        # No thousands begin with a zero: 0,500 is a half with a decimal comma, and nothing with a decimal point.
        groups = "|".join(f"[1-9][0-9]{{0,2}}({_CLASSES[mark]}[0-9]{{3}})+" for mark in self.groups)
        if "," in self.groups:
            groups += "|[1-9][0-9]?(,[0-9]{2})+,[0-9]{3}"  # lakh and crore
        number = f"(({groups}|[0-9]+)({decimal}[0-9]+)?|{decimal}[0-9]+)"
        # After a point a blank must stand: Rs.50 is 50 rupees to some, and half a rupee to a machine.
        before = f"(({_SYMBOL}|{_WORD}([.]{_BLANK})?){_BLANKS}{_SIGN}{_BLANKS})?"
        after = f"({_BLANKS}{_SIGN}{_BLANKS}({_SYMBOL}|{_WORD}[.]?))?"
        inside = f"{_SIGN}{_BLANKS}{before}{number}{after}{_BLANKS}{_SIGN}"
        inner = f"[(]{_BLANKS}{inside}{_BLANKS}[)]|{inside}|{_SYMBOL}{_BLANKS}[(]{_BLANKS}{number}{_BLANKS}[)]"
        return f"{_BLANKS}'?{_BLANKS}({inner}){_BLANKS}"

    @property
    def no_money(self) -> str:
        """What no text of money has in it: two signs, two currencies, or a word straight before a decimal mark."""
        word = f"{_WORD}([.]{_BLANK})?{_BLANKS}{_SIGN}{_BLANKS}{_CLASSES[self.decimal]}[0-9]"
        return f"{_TWO_SIGNS}|{_TWO_CURRENCIES}|{word}"

    @property
    def with_other_decimal(self) -> str:
        """The whole of a text that only the other decimal mark explains."""
        other, group = _CLASSES["," if self.decimal == "." else "."], _CLASSES[self.decimal]
        return f"[^0-9.,]*[0-9]{{1,3}}({group}[0-9]{{3}})*{other}([0-9]{{1,2}}|[0-9]{{4,}})[^0-9.,]*"


def _around(form: str) -> str:
    return f"[^0-9]*({form})[^0-9]*"


EVIDENCE = {
    "point": _around(
        "[0-9]+[.]([0-9]{1,2}|[0-9]{4,})|(0[0-9]*|[0-9]{4,})[.][0-9]{3}"
        "|[0-9]{1,3}(,[0-9]{3}){2,}|[0-9]{1,3}(,[0-9]{2,3})+[.][0-9]+"
    ),
    "comma": _around(
        "[0-9]+,([0-9]{1,2}|[0-9]{4,})|(0[0-9]*|[0-9]{4,}),[0-9]{3}"
        "|[0-9]{1,3}([.][0-9]{3}){2,}|[0-9]{1,3}([.][0-9]{3})+,[0-9]+"
    ),
    "either_point": _around("[1-9][0-9]{0,2}[.][0-9]{3}"),
    "either_comma": _around("[1-9][0-9]{0,2},[0-9]{3}"),
}
"""The whole of a text that tells of its column's decimal mark: what only a point or only a comma explains, and what
both do."""
BESIDE_NUMBER = f"[0-9.,()+']|\u2019|{_MINUS}|{_BLANK}"
"""What is taken out of a text of money to leave its currency."""
FEW = 20
"""A decimal point is certain where more than so many texts have one for each text with a certain comma."""
