"""What a visitor chooses on the page: columns of fields, and options that are each told what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from customer_features.definition.options import Options
from customer_features.errors import InvalidOption
from customer_features.query.columns import FIELDS, quoted

OPTIONS = (
    *("today", "grain", "window", "returns", "future", "timezone"),
    *("decimal", "thousands", "null", "date_format", "encoding"),
)


_DEFAULTS = {"grain": "transaction", "returns": "fault", "future": "fault"}
"""What need not be said, and so is not in the words to copy."""


class Choices(msgspec.Struct):
    """What was chosen: the column of each field (those that are recognised by name may be left out) and the options.

    ``options`` holds what was given and nothing else, as text.
    """

    columns: dict[str, str] = msgspec.field(default_factory=dict)
    options: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """The options by name, for :meth:`Options.parse`."""
        return dict(self.options)

    def expressions(self) -> dict[str, str]:
        """Columns as SQL: what a visitor gives is a name and never an expression."""
        return {field: quoted(column) for field, column in self.columns.items()}


def chosen(form: Mapping[str, str]) -> tuple[Choices, dict[str, str]]:
    """The choices of a form, and what is wrong with each that is no choice."""
    columns = {field: form[field] for field in FIELDS if form.get(field)}
    options: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name in OPTIONS:
        text = form.get(name, "").strip()
        if not text:
            continue
        try:
            Options.parse(**{name: text})
        except InvalidOption as error:
            errors[name] = error.reason
        if _DEFAULTS.get(name) != text:
            options[name] = text
    return Choices(columns, options), errors
