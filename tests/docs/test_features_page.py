"""docs/features.md: a section for each feature, with its formula, what it tells and what it misses."""

from __future__ import annotations

import re
from pathlib import Path

from customer_features.definition.features import FEATURES

PAGE = (Path(__file__).parents[2] / "docs" / "features.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))


def test_each_feature_has_its_section_in_order() -> None:
    assert list(SECTIONS) == [feature.name for feature in FEATURES]


def test_each_section_has_the_formula_and_says_what_it_tells_and_misses() -> None:
    for feature in FEATURES:
        text = SECTIONS[feature.name]
        assert f"**Formula:** `{feature.formula}`" in text, feature.name
        [unit] = re.findall(r"\*\*Unit:\*\* (.*)\.", text)
        assert feature.unit in unit, feature.name
        assert "**Tells** " in text, feature.name
        assert len(re.findall(r"^- \*", text.split("**Misses**")[1], re.MULTILINE)) >= 3, feature.name
