"""The runner of ``make thorough``, over parts that cost nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.thorough.__main__ import ROOT, main
from tests.thorough.parts import PARTS, Part

FAKES = {
    "good": "import os\nprint(os.environ['THOROUGH'], os.environ['CI'])\nprint('=== 7 passed in 0.1s ===')\nprint()",
    "bad": "import sys\nprint('3 failed', file=sys.stderr)\nsys.exit(3)",
    "mute": "",
}


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    """Parts that are modules of a folder of their own."""
    for name, text in FAKES.items():
        (tmp_path / f"fake_{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return [Part(name, f"what is {name}", 5, (f"fake_{name}",)) for name in FAKES]


def test_a_line_for_each_part_a_table_and_the_logs(
    fakes: list[Part], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "build" / "thorough"
    assert main([], fakes, logs) == 1
    lines = re.sub(r" +\d+ s\b", " N s", capsys.readouterr().out).splitlines()
    assert lines[:3] == [
        "good  ok N s  7 passed in 0.1s",
        "bad  FAILED N s  3 failed",
        "mute  ok N s  said nothing",
    ]
    assert [line.split() for line in lines[4:7]] == [line.split() for line in lines[:3]]
    assert lines[7:] == [f"bad failed: see {logs / 'bad.log'}"]
    assert (logs / "good.log").read_text().startswith("true true\n")


def test_parts_are_chosen_by_name(fakes: list[Part], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mute", "good"], fakes, tmp_path) == 0
    assert capsys.readouterr().out.count("bad") == 0
    with pytest.raises(SystemExit):
        main(["kind", "good"], fakes, tmp_path)
    assert "there is no part kind; there are good, bad, mute" in capsys.readouterr().err


def test_the_list_says_what_each_tries_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [part.name for part in PARTS]
    assert all(re.search(r" \d+ min$", line) for line in lines)


def test_each_part_runs_what_is_there() -> None:
    assert len({part.name for part in PARTS}) == len(PARTS)
    for part in PARTS:
        for word in part.command:
            path = word.removeprefix("--ignore=")
            assert not path.startswith("tests/") or (ROOT / path).exists(), word
