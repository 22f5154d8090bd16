"""The page of the Python library: signatures and docstrings of what is public."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import customer_features
from customer_features import clickhouse, errors, sklearn, spark

FUNCTIONS: dict[str, list[Any]] = {
    "customer_features": [
        customer_features.build,
        customer_features.check,
        customer_features.answer,
        customer_features.sql,
        customer_features.verify,
        customer_features.Client,
        customer_features.AsyncClient,
    ],
    "customer_features.sklearn": [sklearn.CustomerFeatures],
    "customer_features.spark": [spark.build, spark.check, spark.write_quarantine, spark.release],
    "customer_features.clickhouse": [clickhouse.build, clickhouse.check],
}
RAISED = [
    thing
    for thing in vars(errors).values()
    if inspect.isclass(thing) and thing.__module__ == errors.__name__ and thing.__name__ in customer_features.__all__
]


def python() -> Iterator[str]:
    """The parts of the page."""
    yield "`import customer_features` imports nothing heavy; what a name needs is imported when it is first used."
    for module, things in FUNCTIONS.items():
        for thing in things:
            yield from documented(f"{module}.{thing.__name__}", thing)
    yield "## Exceptions and warnings"
    yield f"```\n{tree()}\n```"
    for thing in RAISED:
        yield f"### {thing.__name__}"
        yield markdown(inspect.getdoc(thing) or "")


def tree() -> str:
    """The exceptions as the module draws them."""
    return (errors.__doc__ or "").partition("\n\n")[2].strip()


def documented(name: str, thing: Any) -> Iterator[str]:
    """A function or class with its public methods."""
    yield f"## {name}"
    yield f"```\n{signature(name.rpartition('.')[2], thing)}\n```"
    yield markdown(inspect.getdoc(thing) or "")
    if inspect.isclass(thing):
        for method, function in sorted(vars(thing).items()):
            if method.startswith("_") or not inspect.isfunction(function):
                continue
            yield f"### {name.rpartition('.')[2]}.{method}"
            yield f"```\n{signature(method, function)}\n```"
            yield markdown(inspect.getdoc(function) or "")


def signature(name: str, thing: Callable[..., Any]) -> str:
    """A call as it is written, a parameter a line where one line is too long."""
    of = inspect.signature(thing)
    words: list[str] = []
    keyword_only = False
    for parameter in of.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            words.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        word = stars + parameter.name
        if parameter.annotation is not parameter.empty:
            word += f": {annotation(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            word += f" = {parameter.default!r}"
        words.append(word)
    returned = (
        "" if inspect.isclass(thing) or of.return_annotation is of.empty else f" -> {annotation(of.return_annotation)}"
    )
    start = "async def " if inspect.iscoroutinefunction(thing) else ""
    line = f"{start}{name}({', '.join(words)}){returned}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{start}{name}(", *(f"    {word}," for word in words), f"){returned}"])


def annotation(found: Any) -> str:
    """A type as the code writes it."""
    return found if isinstance(found, str) else inspect.formatannotation(found)


def markdown(docstring: str) -> str:
    """A docstring as Markdown: sections become titles in bold, their entries a list, examples code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", docstring)
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.MULTILINE)
    made = [parts[0].strip()]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if body.startswith(">>>"):
            made += [f"**{title}**", f"```\n{body.strip()}\n```"]
            continue
        entries = re.split(r"\n(?=\S)", body.strip("\n"))
        named = all("\n    " in entry for entry in entries)
        made.append(f"**{title}**")
        made.append("\n".join(map(item, entries)) if named else body.strip())
    return "\n\n".join(made)


def item(entry: str) -> str:
    """A parameter, or an error, and what is said of it."""
    name, _, said = entry.partition("\n")
    names = ", ".join(f"`{one.strip()}`" for one in ([name] if " : " in name else name.split(",")))
    return f"- {names}: {' '.join(line.strip() for line in said.splitlines()).strip()}"
