"""Writing killers beside their mutants, into the source of the table."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

TABLE = Path(__file__).with_name("mutants.py")


def record(killers: Mapping[str, str], table: Path = TABLE) -> None:
    """Write killers, by the names of their mutants, and format the file."""
    table.write_text(recorded(table.read_text(encoding="utf-8"), killers), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(table)], check=True)


def recorded(source: str, killers: Mapping[str, str]) -> str:
    """The source of a table with other killers in it."""
    lines = source.encode().splitlines(keepends=True)
    changes = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_of":
            for entry in node.args[1:]:
                assert isinstance(entry, ast.Tuple)
                name = ast.literal_eval(entry.elts[0])
                if name in killers:
                    changes.append((entry.elts[2:], ast.Constant(killers[name])))
    for (slip, *before), killer in sorted(
        changes, key=lambda change: (change[0][0].lineno, change[0][0].col_offset), reverse=True
    ):
        start, end = _end_of(slip, lines), _end_of(before[0] if before else slip, lines)
        text = b"".join(lines)
        lines = (text[:start] + f", {ast.unparse(killer)}".encode() + text[end:]).splitlines(keepends=True)
    return b"".join(lines).decode()


def _end_of(node: ast.expr, lines: list[bytes]) -> int:
    """The place after a node, in bytes from the beginning."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
