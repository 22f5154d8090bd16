"""The reference is what the code says, and it says all of it."""

from __future__ import annotations

import ast
import json
import re
import signal
from pathlib import Path

import click
import pytest

import customer_features
from customer_features.cli import EXIT_CODES, group
from customer_features.definition.faults import FAULTS, WARNINGS
from customer_features.service import environment
from customer_features.service.documents import openapi
from customer_features.service.problems import KINDS
from customer_features.service.route import PATHS
from customer_features.service.settings import Settings
from tests.docs import python_reference, reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CLI = ROOT / "customer_features" / "cli"


def text(name: str) -> str:
    return (DOCS / "reference" / name).read_text("utf-8")


@pytest.mark.parametrize(("name", "made"), reference.pages().items(), ids=reference.pages())
def test_what_is_committed_is_what_the_script_makes(name: str, made: str) -> None:
    assert text(name) == made, "run: make reference"


def test_the_folder_holds_nothing_else() -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(reference.pages())


def test_every_option_of_every_command_is_listed() -> None:
    # Read from the sources, not from click, which the page is made with.
    sections = dict(re.findall(r"^## ([\w -]+)\n(.*?)(?=^## |\Z)", text("commands.md"), re.MULTILINE | re.DOTALL))
    assert {f"customer-features {name}" for name in group.list_commands(click.Context(group))} <= set(sections)
    for module in CLI.glob("*.py"):
        for called in ast.walk(ast.parse(module.read_text("utf-8"))):
            if not (isinstance(called, ast.Call) and ast.unparse(called.func) in ("click.option", "_setting")):
                continue
            written = [one.value for one in called.args if isinstance(one, ast.Constant)]
            for name in (one for one in written if one.startswith("--")):
                of = [section for section in sections if section.startswith(f"customer-features {module.stem}")]
                where = [sections[section] for section in of] or list(sections.values())
                assert any(f"`{name}" in part or f", {name}" in part for part in where), (module.name, name)


def test_every_setting_is_listed() -> None:
    pages = text("commands.md") + (DOCS / "operate.md").read_text("utf-8")
    for name in {*environment.SHARED, *environment.ELSEWHERE}:
        assert name in pages


def test_every_path_answer_and_key_of_the_service_is_listed() -> None:
    whole = json.loads(openapi.encoded(Settings()))
    sections = dict(re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", text("openapi.md"), re.MULTILINE | re.DOTALL))
    aliases = PATHS[1:]
    for alias in aliases:
        assert f"The same as {PATHS[0]}." in sections[f"POST {alias}"]
        assert whole["paths"][alias]["post"]["responses"] == whole["paths"][PATHS[0]]["post"]["responses"]
    listed = [
        (path, method) for path, item in whole["paths"].items() for method in set(item) & {"get", "post", "delete"}
    ]
    assert {f"{method.upper()} {path}" for path, method in listed} == set(sections) - {"Documents"}
    for path, method in listed:
        if path in aliases:
            continue
        section, operation = sections[f"{method.upper()} {path}"], whole["paths"][path][method]
        assert re.findall(r"^\| (\d{3}) \|", section, re.MULTILINE) == list(operation["responses"])
        for content in (operation.get("requestBody", {}), *operation["responses"].values()):
            assert all(f"`{media_type}`" in section for media_type in content.get("content", ()))
        for parameter in operation.get("parameters", ()):
            assert "name" not in parameter or f"| `{parameter['name']}` | {parameter['in']} |" in section
    documents = dict(re.findall(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", text("openapi.md"), re.MULTILINE | re.DOTALL))
    assert set(documents) == set(whole["components"]["schemas"])
    for name, schema in whole["components"]["schemas"].items():
        keys = re.findall(r"^\| `([\w-]+)` \|", documents[name], re.MULTILINE)
        assert keys == list(schema.get("properties", ()))


def test_every_fault_warning_and_kind_of_problem_is_listed_once() -> None:
    named = re.findall(r"^\| `([\w-]+)` \|", text("faults.md"), re.MULTILINE)
    assert named == [fault.name for fault in FAULTS] + list(WARNINGS)
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", text("problems.md"), re.MULTILINE)) == sorted(KINDS)


def test_every_fault_says_what_mends_it() -> None:
    for fault in FAULTS:
        (row,) = (line for line in text("faults.md").splitlines() if line.startswith(f"| `{fault.name}` "))
        assert fault.mend[1:] in row
        assert "{found}" not in row


def exits() -> set[int]:
    """The numbers with which the sources end a command."""
    found = {128 + signal.SIGINT, 128 + signal.SIGTERM}
    for module in CLI.glob("*.py"):
        tree = ast.parse(module.read_text("utf-8"))
        for called in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(called.func)
            given = called.args[:1] if name == "ctx.exit" else called.args[1:2] if name == "log.failed" else []
            given += [keyword.value for keyword in called.keywords if keyword.arg == "exit_code"]
            found |= {node.value for one in given for node in ast.walk(one) if isinstance(node, ast.Constant)} - {128}
    failed = (
        node
        for node in ast.walk(ast.parse((CLI / "__init__.py").read_text("utf-8")))
        if getattr(node, "name", "") == "_failed"
    )
    for node in ast.walk(next(failed)):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant):
            found.add(node.value.value)
    return found


def test_every_exit_code_is_listed() -> None:
    assert exits() == set(EXIT_CODES)
    assert {int(code) for code in re.findall(r"^\| `(\d+)` \|", text("exit-codes.md"), re.MULTILINE)} == set(EXIT_CODES)


def test_everything_public_of_the_package_is_described() -> None:
    page = text("python.md")
    for name in set(customer_features.__all__) - {"__version__"}:
        assert re.search(rf"^###? (customer_features\.)?{name}$", page, re.MULTILINE), name


def test_a_docstring_becomes_markdown() -> None:
    made = python_reference.markdown(
        "What it does.\n\nParameters\n----------\nrows\n    Of :func:`~a.b`,\n    many.\nx, y\n    Two.\n\n"
        "Returns\n-------\nA number.\n\nExamples\n--------\n>>> 1\n1"
    )
    assert made.split("\n\n") == [
        "What it does.",
        "**Parameters**",
        "- `rows`: Of `a.b`, many.\n- `x`, `y`: Two.",
        "**Returns**",
        "A number.",
        "**Examples**",
        "```\n>>> 1\n1\n```",
    ]
