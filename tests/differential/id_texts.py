"""Texts that are ids: each is an id of its own, however much it looks like another one, or like none."""

from __future__ import annotations

import random

from tests.differential.texts import broken, distinct

_TOKENS = (
    *("NULL", "null", "None", "none", "nan", "NaN", "NAN", "N/A", "n/a", "#N/A", "\\N", "\\n", "-", "--", "undefined"),
    *("true", "false", "True", "inf", "0", "00", "0.0", "-0", "+0", "1e3", "1E3", "1000", "1000.0", "1,000", "0x10"),
    *(" ", "  ", "\t", "\u00a0", "\u200b", "\ufeff", "'", "''", "\\", "\\\\", "%", "_", "$1", "\\1", "?", "{}", "[]"),
    *('{"id": 1}', "[1]", "2025-04-01", "é", "e\u0301", "ﬁ", "fi", "ß", "ss", "SS", "İ", "i", "I", "ı", "K", "\u212a"),
    *(
        "\U0001f600",
        "\U0001f469\u200d\U0001f4bb",
        "名前",
        "עברית",
        "\u202eabc",
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\U0010ffff",
    ),
    *("a;b", "a,b", "a|b", "a\tb", '"', '""', 'a"b', "--x", "/*x*/", "x;--", "\x01", "\x1f", "\x7f", "\x85", "\u2028"),
)
_LETTERS = "0123456789 .-_'\"\\,;|%\tabcXYZéßİı\u00a0\u0301\u200b\ufeff\U0001f600名\x01\x7f"


def _id(luck: random.Random) -> str:
    kind = luck.random()
    if kind < 0.1:
        return luck.choice(_TOKENS)
    if kind < 0.3:
        made = str(luck.randrange(10 ** luck.randrange(1, 20)))
        return made + luck.choice(("", "", ".0", ".00", ".", ".5", "e0")) if luck.random() < 0.6 else "0" + made
    if kind < 0.5:
        word = "".join(luck.choices("abcdefgh", k=luck.randrange(1, 7)))
        return luck.choice((word, word.upper(), word.title(), f" {word}", f"{word} ", f"{word}\u00a0", f"{word}@x.com"))
    if kind < 0.501:
        return luck.choice("aé名") * luck.choice((255, 256, 4096, 65_535)) + str(luck.randrange(9))
    return "".join(luck.choices(_LETTERS, k=luck.randrange(1, 12)))


def ids(count: int) -> list[str]:
    """So many different ids, the same ones each time."""
    return distinct(lambda luck: _near(luck) or "x", count, "ids")


def _near(luck: random.Random) -> str:
    made = _id(luck)
    return broken(made, luck, _LETTERS) if luck.random() < 0.3 else made
