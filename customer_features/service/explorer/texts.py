"""The page's texts in its languages, a catalogue each; English is whole, and what another lacks is a fault of ours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

LANGUAGES = {"en": "English", "es": "Español", "pt": "Português"}
_FOLDER = Path(__file__).parent / "texts"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Texts by name. ``language`` is one of ``LANGUAGES``."""
    found: dict[str, str] = msgspec.json.decode((_FOLDER / f"{language}.json").read_bytes(), type=dict[str, str])
    return found


def language_of(asked: str | None) -> str:
    """The first language of a list such as ``pt-BR,pt;q=0.9,en`` that there are texts in; else English."""
    for part in (asked or "").lower().split(","):
        code = part.partition(";")[0].strip().partition("-")[0]
        if code in LANGUAGES:
            return code
    return "en"
