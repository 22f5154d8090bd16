"""For pytest in a mutant's folder: the likeliest test first, and what the first failure was.

MUTANT_SAYS names the file that is told, as JSON; MUTANT_FIRST is a part of the names of those tests.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def pytest_sessionstart(session: pytest.Session) -> None:
    import customer_features

    found = Path(customer_features.__file__).resolve()
    assert found.is_relative_to(Path.cwd().resolve()), f"{found} is not the package of this folder"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: os.environ["MUTANT_FIRST"] not in item.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    report = yield
    says = Path(os.environ["MUTANT_SAYS"])
    if call.excinfo is not None and report.failed and not says.exists():
        error = call.excinfo.value
        kinds = [kind.__name__ for kind in type(error).__mro__]
        says.write_text(json.dumps({"test": item.name, "kinds": kinds, "message": str(error)[:3000]}))
    return report
