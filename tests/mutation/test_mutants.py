"""The table of mutants is true to the source; whether each is killed, ``make mutants`` finds out."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.mutation.mutants import MUTANTS, Mutant, source_of


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    assert len(MUTANTS) >= 40
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_text_stands_once_and_the_mutant_is_python(mutant: Mutant) -> None:
    source = source_of(mutant)
    changed = mutant.applied(source)
    assert changed != source
    ast.parse(changed)
