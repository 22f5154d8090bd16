"""Names that SQL takes for one."""

from __future__ import annotations

import pytest

from customer_features import SourceError
from customer_features.sources.column_names import refuse_shared, shared


def test_names_are_compared_without_regard_to_case() -> None:
    assert shared(["a", "b", "A", "a"]) == [(1, "a"), (3, "A"), (4, "a")]
    assert shared(["a", "b", "a "]) == []


def test_the_refusal_names_the_columns_and_their_places() -> None:
    refuse_shared(["a", "b"], "t")
    with pytest.raises(SourceError, match=r"^t: has 2 columns named 'a': columns 1 and 3 of 3; rename or drop all but"):
        refuse_shared(["a", "b", "a"], "t")
    with pytest.raises(SourceError, match=r"has 3 keys named 'a' and 'A' \(.*same\): keys 1, 2 and 3 of 3"):
        refuse_shared(["a", "A", "a"], "t", "key")
