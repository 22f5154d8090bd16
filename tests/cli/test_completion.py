"""Completion, in the shells themselves: what was typed is completed, and the command then run."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from customer_features.cli import _COMMANDS, group
from customer_features.cli.completion import VARIABLE, _Bash
from customer_features.definition import options
from customer_features.query import generate
from tests.conftest import ROOT, Cli, child_environment
from tests.installed import installed
from tests.test_architecture import HEAVY
from tests.waiting import BOUND, until

BIN = str(Path(sys.executable).parent)


def environment(**more: str) -> dict[str, str]:
    """The environment of a shell that finds our command."""
    found = child_environment(TERM="dumb", HISTFILE="", **more)
    return {**found, "PATH": f"{BIN}{os.pathsep}{found['PATH']}"}


def offered(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What bash's script is told for a line; ``<file>`` and ``<dir>`` where it is to leave that to the shell."""
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    told = _Bash(group, {}, "customer-features", VARIABLE).complete().splitlines()
    pairs = [entry.partition(",") for entry in told]
    return [value if kind == "plain" else f"<{kind}>" for kind, _, value in pairs]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("customer-features ", list(_COMMANDS)),
        ("customer-features bu", ["build"]),
        ("customer-features build --gr", ["--grain"]),
        ("customer-features build --grain ", [*options.Grain]),
        ("customer-features build --grain = l", ["line"]),  # how bash splits --grain=l
        ("customer-features build a.csv --on-fault ", [*options.OnFault]),
        ("customer-features check --every ", ["day", "week", "month"]),
        ("customer-features sql --dialect ", [*options.DIALECTS]),
        ("customer-features sql --as ", [*generate.FORMS]),
        ("customer-features build --timezone America/Sao", ["America/Sao_Paulo"]),
        ("customer-features build ", ["<file>"]),
        ("customer-features build a.csv --out ", ["<file>"]),
        ("customer-features build a.csv --spill-dir ", ["<dir>"]),
        ("customer-features keys ro", ["rotate"]),
        ("customer-features completion ", ["bash", "zsh", "fish"]),
        ("customer-features build --window ", []),
    ],
)
def test_what_bash_is_offered(line: str, found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(line, monkeypatch) == found


LINES = {
    "script": "customer-features completion fi\t > script\n",
    "checked": "customer-features che\tpur\t--today 2025-04-24 > checked\n",
    "query": "customer-features sql --dial\ttri\t--today 2025-04-24 > query; exit\n",
}
"""What a person types, and the file in which its command's output shows that it was completed."""


def typed(command: list[str], start: str, folder: Path) -> str:
    """Type the lines at a shell on a terminal; all that was seen there."""
    shutil.copy(ROOT / "examples" / "purchases.csv", folder)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment(), start_new_session=True
    )
    os.close(theirs)
    os.write(ours, f"{start}\necho rea''dy\n".encode())
    os.set_blocking(ours, False)
    seen = bytearray()

    def ended() -> bool:
        """Read what there is; tell whether the shell has gone."""
        try:
            while chunk := os.read(ours, 4096):
                seen.extend(chunk)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    until(lambda: b"ready" in seen or ended(), lambda: f"the shell's prompt: {seen!r}")
    os.write(ours, "".join(LINES.values()).encode())
    until(ended, lambda: f"the shell's end: {seen!r}")
    os.close(ours)
    process.wait(timeout=BOUND)
    return seen.decode("utf-8", "replace")


def assert_completed(folder: Path, seen: str) -> None:
    assert (folder / "script").read_text().startswith("function _customer_features_completion"), seen
    assert (folder / "checked").read_text().startswith("unreadable_date: 1 row"), seen
    assert (folder / "query").read_text().startswith("-- One feature vector per customer, for Trino"), seen


@pytest.mark.slow
def test_bash_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Bash makes three words of --as=quer.
    monkeypatch.setitem(LINES, "query", LINES["query"].replace("--today", "--as=quer\t--today"))
    seen = typed(["bash", "--norc", "-i"], 'eval "$(customer-features completion bash)"', tmp_path)
    assert_completed(tmp_path, seen)


@pytest.mark.slow
def test_zsh_at_a_terminal(tmp_path: Path) -> None:
    zsh = installed("zsh")
    start = 'autoload -Uz compinit; compinit -u -D; eval "$(customer-features completion zsh)"'
    assert_completed(tmp_path, typed([zsh, "-f", "-i"], start, tmp_path))


@pytest.mark.slow
def test_fish(tmp_path: Path) -> None:
    fish = installed("fish")
    shutil.copy(ROOT / "examples" / "purchases.csv", tmp_path)
    for line, found in {
        "customer-features che": ["check"],
        "customer-features build --grain ": [*options.Grain],
        "customer-features check pur": ["purchases.csv"],
        "customer-features sql --dialect tri": ["trino"],
    }.items():
        ran = subprocess.run(
            [fish, "--no-config", "-c", f"customer-features completion fish | source; complete -C '{line}'"],
            cwd=tmp_path,
            env=environment(HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            check=True,
            timeout=BOUND,
        )
        assert [offer.split("\t")[0] for offer in ran.stdout.splitlines()] == sorted(found), ran.stderr


def completing(line: str, *blocked: str) -> subprocess.CompletedProcess[str]:
    """One question of a shell, in a process that tells which modules it took, some of which cannot be imported."""
    code = f"""
import sys
for name in {blocked!r}: sys.modules[name] = None
from customer_features.cli import run
try: run([])
except SystemExit: pass
print(*sys.modules, file=sys.stderr)
"""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_CUSTOMER_FEATURES_COMPLETE": "bash_complete"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=child_environment(**asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=BOUND,
    )


@pytest.mark.parametrize("command", [name for name in _COMMANDS if name != "keys"])
def test_nothing_heavy_is_imported(command: str) -> None:
    ran = completing(f"customer-features {command} --h")
    assert ran.stdout.split() == [
        f"plain,--{name}" for name in ("host", "help") if command == "serve" or name == "help"
    ]
    assert set(ran.stderr.split()) & {*HEAVY} == set()


def test_the_core_alone_completes() -> None:
    assert completing("customer-features build --grain ", *HEAVY).stdout.split() == [
        f"plain,{grain}" for grain in options.Grain
    ]


def test_an_error_is_not_said_in_the_middle_of_a_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CUSTOMER_FEATURES_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "customer-features 'unclosed")
    monkeypatch.delenv("COMP_CWORD", raising=False)
    ran = cli()
    assert (ran.code, ran.out, ran.err) == (2, "", "")


def test_another_shell(cli: Cli) -> None:
    ran = cli("completion", "tcsh")
    assert ran.code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in ran.err
