"""Names of columns as SQL compares them: whether letters are capitals does not matter."""

from __future__ import annotations

from collections.abc import Iterable

from customer_features.errors import SourceError


def shared(names: Iterable[str]) -> list[tuple[int, str]]:
    """Return the first columns that share a name, each with its place from 1; an empty list where none do."""
    by_name: dict[str, list[tuple[int, str]]] = {}
    for place, name in enumerate(names, 1):
        by_name.setdefault(name.lower(), []).append((place, name))
    return next((same for same in by_name.values() if len(same) > 1), [])


def refuse_shared(names: Iterable[str], source: str, what: str = "column") -> None:
    """Raise SourceError where two columns share a name: a mapping could mean either of them."""
    names = list(names)
    if same := shared(names):
        spelled = list(dict.fromkeys(name for _, name in same))
        listed = " and ".join(f"'{name}'" for name in spelled)
        places = ", ".join(str(place) for place, _ in same[:-1])
        case = " (upper and lower case count as the same)" if len(spelled) > 1 else ""
        raise SourceError(
            f"{source}: has {len(same)} {what}s named {listed}{case}: {what}s {places} and {same[-1][0]} of"
            f" {len(names)}; rename or drop all but one of them"
        )
