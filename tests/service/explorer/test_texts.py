"""The page's texts: every language has them all, the templates use them all and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from customer_features.service.explorer import pictures, rendering, snippets, texts, views
from customer_features.service.explorer.texts import LANGUAGES, catalogue, language_of

TEMPLATES = Path(rendering.__file__).parent / "templates"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_whole(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert other.keys() == english.keys()
    for name, text in english.items():
        assert text.strip(), name
        assert other[name].strip(), name
        assert sorted(re.findall(r"{\w+}", other[name])) == sorted(re.findall(r"{\w+}", text)), name
    if language != "en":
        assert sum(other[name] != english[name] for name in english) > 0.9 * len(english)


def test_the_templates_use_these_texts_and_no_others() -> None:
    source = "\n".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    used = set(re.findall(r"\bt\.(\w+)", source))
    known = set(catalogue("en"))
    assert used <= known
    made = {f"{start}_" for start in re.findall(r't\["(\w+?)_" ~', source)}
    made |= {"grain_", "returns_", "future_"}  # choice(name, values)
    code = "\n".join(Path(module.__file__ or "").read_text() for module in (snippets, pictures, views))
    named = set(re.findall(r'"((?:note|tile)_\w+)"', code))
    assert named <= known
    left = {name for name in known - used - named if not name.startswith(tuple(made))}
    assert left == set()


@pytest.mark.parametrize(
    ("asked", "language"),
    [(None, "en"), ("", "en"), ("pt-BR,pt;q=0.9", "pt"), ("fr,es;q=0.5,en;q=0.1", "es"), ("*", "en"), ("EN-gb", "en")],
)
def test_the_language_that_is_asked_for(asked: str | None, language: str) -> None:
    assert language_of(asked) == language
    assert texts.LANGUAGES[language]
