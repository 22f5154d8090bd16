"""What is installed, on folders that look like those of pip, and beside what ``packaging`` and pip say."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from customer_features.system import extras
from customer_features.system.extras import PURPOSES, Extra, installed
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = {"click": "8.2", "msgspec": "0.20", "tzdata": "2025.1"}
BULK = {"duckdb": "2.0", "numpy": "2.0", "pyarrow": "22.1", "rich": "14.0.0", "sqlglot": "28.5.1"}


def site(folder: Path, packages: Mapping[str, str], *asked_for: str, **needed: list[str]) -> list[str]:
    """A folder of installed packages with these versions, ours among them; ``needed``: what some of them require."""
    ours = "".join(f"Requires-Dist: {text}\n" for text in metadata.requires("customer-features") or [])
    for name, version in {"customer-features": "0.1.0", **CORE, **packages}.items():
        place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        place.mkdir(parents=True)
        requires = (
            ours if name == "customer-features" else "".join(f"Requires-Dist: {r}\n" for r in needed.get(name, []))
        )
        (place / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{requires}")
        if name in asked_for:
            (place / "REQUESTED").touch()
    return [str(folder)]


def states(path: list[str]) -> dict[str, str]:
    """Of each extra whether it serves, is half there, or is missing."""

    def state(extra: Extra) -> str:
        return "serves" if extra.serves else "half" if extra.half else "missing"

    return {extra.name: state(extra) for extra in installed(path).extras}


MISSING = dict.fromkeys(PURPOSES, "missing")


def test_the_core_alone(tmp_path: Path) -> None:
    found = installed(site(tmp_path, {}))
    assert found.version == "0.1.0"
    assert [str(package) for package in found.core] == ["click 8.2", "msgspec 0.20", "tzdata 2025.1"]
    assert states([str(tmp_path)]) == MISSING
    assert [extra.name for extra in found.extras] == list(PURPOSES)


@pytest.mark.parametrize(
    ("packages", "asked_for", "changed"),
    [
        (BULK, (), {"bulk": "serves"}),
        ({**BULK, "httpx": "0.28.1"}, (), {"bulk": "serves", "http": "serves", "client": "serves"}),
        ({"httpx": "0.28"}, (), {"client": "serves"}),
        # One of its packages is gone: what contains it is missing, and only it is half there.
        ({name: version for name, version in BULK.items() if name != "pyarrow"}, (), {"bulk": "half"}),
        ({**BULK, "pyarrow": "21.9"}, (), {"bulk": "half"}),
        ({**BULK, "duckdb": "1.4.1"}, (), {"bulk": "half"}),
        ({**BULK, "boto3": "1.30"}, (), {"bulk": "serves", "s3": "half"}),
        # What somebody installed for something else tells nothing.
        ({"duckdb": "1.4.1"}, ("duckdb",), {}),
        ({"numpy": "2.4", "pandas": "3.0", "pyarrow": "15.0"}, ("pandas", "pyarrow"), {}),
        ({"litestar": "2.22"}, (), {"service": "half"}),
        ({"sqlglot": "28", "pyspark": "4.0"}, (), {"spark": "serves"}),
        ({"sqlglot": "28", "PyYAML": "6.0.3"}, (), {"sql": "serves"}),
    ],
)
def test_extras(packages: dict[str, str], asked_for: tuple[str, ...], changed: dict[str, str], tmp_path: Path) -> None:
    path = site(tmp_path, packages, *asked_for, pandas=["numpy>=2", 'pyarrow>=13; extra == "parquet"'])
    assert states(path) == {**MISSING, **changed}


def test_this_package_may_not_be_installed(tmp_path: Path) -> None:
    with pytest.raises(metadata.PackageNotFoundError):
        installed([str(tmp_path)])


def test_every_requirement_is_understood_as_pip_does() -> None:
    for text in metadata.requires("customer-features") or []:
        wanted = Requirement(text)
        match = extras._REQUIREMENT.match(text)
        assert match is not None, text
        assert match["name"] == wanted.name
        extra = extras._EXTRA.search(match["marker"] or "")
        assert extra is None or wanted.marker is not None
        assert wanted.marker is None or wanted.marker.evaluate({"extra": extra[1] if extra else ""})
        if extra is None or extra[1] not in ("all", "demo", "dev"):
            assert str(wanted.specifier) == (f">={match['least']}" if match["least"] else "")


numbers = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))


@given(numbers, numbers)
def test_versions_compare_as_pip_compares_them(found: str, least: str) -> None:
    assert extras._older(found, least) == (Version(found) < Version(least))


def test_what_stands_behind_a_version_does_not_count() -> None:
    assert not extras._older("2.0.0rc1", "2.0")
    assert not extras._older("2.3.0+cpu.7", "2.3.0.0")
    assert extras._older("1!1.9.dev3", "1!2")
    assert extras._older("nonsense", "0.1")
    assert not extras._older("0.1", None)


def test_every_extra_has_a_purpose_and_a_module_of_its_own() -> None:
    assert set(PURPOSES) == set(PROJECT["optional-dependencies"]) - {"all", "demo", "dev"}
    for purpose in PURPOSES.values():
        assert purpose.gives
        assert importlib.util.find_spec(purpose.module) is not None
