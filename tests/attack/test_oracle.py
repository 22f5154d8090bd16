"""The oracle and the harness can fail: planted faults of every kind are noticed, and only they."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.attack import watching
from tests.attack.__main__ import chosen, main
from tests.attack.attacker import Attack, Attacker, paused
from tests.attack.attacks import ATTACKS
from tests.attack.bystander import BUSY, Seen
from tests.attack.generators.mutations import KINDS, mutations
from tests.attack.oracle import (
    EXAMPLE,
    LARGE,
    MARK,
    PROBLEM,
    TABLE,
    Answer,
    attacker_fault,
    bystander_fault,
    repeats_fault,
)
from tests.attack.running import Report, attacked
from tests.conftest import ROOT

SAID = {"content-type": PROBLEM, "retry-after": "1"}
RIGHT = Answer(200, EXAMPLE.body or b"")


def test_the_example_is_the_contracts() -> None:
    assert json.loads(EXAMPLE.sent) == json.loads((ROOT / "examples/contract.json").read_bytes())
    assert json.loads(EXAMPLE.body or b"") == json.loads((ROOT / "examples/contract_answer.json").read_bytes())
    assert len(LARGE.sent) > 256 * 1024


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (RIGHT, ""),
        (Answer(200, RIGHT.body.replace(b"459.48", b"459.47")), "wrong answer"),
        (Answer(200, RIGHT.body[:-1]), "wrong answer"),
        (Answer(200, RIGHT.body + b"\n"), "wrong answer"),
        (Answer(0, b"ConnectionResetError"), "no answer"),
        (Answer(429, b"", SAID), "refusal"),
        (Answer(401), "refusal"),
        (Answer(503, b"", SAID), "refusal"),
        (Answer(503, b"", {"content-type": PROBLEM}), "unplanned 5xx"),
        (Answer(503, b"", {"retry-after": "1"}), "unplanned 5xx"),
        (Answer(500, b"", SAID), "unplanned 5xx"),
    ],
)
def test_answers_to_the_bystander(found: Answer, fault: str) -> None:
    assert bystander_fault(EXAMPLE, found) == fault


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (Answer(200), ""),
        (Answer(413), ""),
        (Answer(503, b"", SAID), ""),
        (Answer(503), "unplanned 5xx"),
        (Answer(500, b"", SAID), "unplanned 5xx"),
        (Answer(502), "unplanned 5xx"),
        (Answer(0), "no answer"),
        (Answer(200, f'{{"customer_id":"{MARK}-1001"}}'.encode()), "bytes of another tenant"),
        (Answer(422, f"row 1: {MARK}".encode()), "bytes of another tenant"),
    ],
)
def test_answers_to_the_attacker(found: Answer, fault: str) -> None:
    assert attacker_fault(found) == fault


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([Answer(200, b"a")] * 8, ""),
        ([Answer(400, b"a", {"x-request-id": str(place)}) for place in range(8)], ""),
        ([Answer(200, b"a")] * 7 + [Answer(200, b"b")], "2 different answers to 8 times the same body"),
        ([Answer(200, b"a")] * 7 + [Answer(400, b"a")], "2 different answers to 8 times the same body"),
        ([Answer(422, b"a")] * 7 + [Answer(500, b"a")], "unplanned 5xx"),
        ([Answer(503, b"a", SAID)] * 8, "answered 503"),
        ([Answer(408, b"a")] * 8, "answered 408"),
        ([Answer(0)] * 8, "no answer"),
    ],
)
def test_answers_to_the_same_body(found: list[Answer], fault: str) -> None:
    assert repeats_fault(found) == fault


def test_what_the_bystander_sees_is_kept_by_kind_and_time() -> None:
    seen = Seen()
    seen.note(EXAMPLE, Answer(200, RIGHT.body, seconds=1), attacked=False)
    seen.note(EXAMPLE, Answer(500, b"lost", seconds=2), attacked=True)
    seen.note(EXAMPLE, Answer(429, b"", SAID, seconds=1), attacked=False)
    other = Seen()
    other.note(TABLE, Answer(0, b"late", seconds=3), attacked=True)
    seen.merged(other)
    assert (seen.rest, seen.attacked) == ({"example": [1, 1]}, {"example": [2], "table": [3]})
    assert seen.faults == {"unplanned 5xx": 1, "refusal at rest": 1, "no answer": 1}
    assert seen.texts == [
        "bystander's example: unplanned 5xx: 500: lost",
        "bystander's example: refusal at rest: 429",
        "bystander's table: no answer: no answer: late",
    ]


def test_a_report_in_one_line() -> None:
    report = Report("A1", "a bomb", answers=Counter({413: 2, 0: 1}), memory=3 << 20, disk=-1)
    report.seen.note(EXAMPLE, Answer(200, RIGHT.body, seconds=0.002), attacked=False)
    report.seen.note(EXAMPLE, Answer(200, RIGHT.body, seconds=0.004), attacked=True)
    figures = "attacker got none x 1, 413 x 2; 3 MiB of memory, 0 MiB of disk"
    times = "example 1: p99 4.0 ms (at rest 2.0), longest 4 ms"
    assert report.line() == f"A1       held   a bomb; {figures}; {times}"
    report.fault("works on", "still busy")
    assert report.line() == f"A1       FAILED a bomb; works on: 1; {figures}; {times}"


def test_too_much_memory_and_disk_are_faults(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    before = watching.disk(tmp_path)
    (tmp_path / "folder" / "file").write_bytes(b"x" * 100_000)
    assert watching.disk(tmp_path) - before >= 100_000
    assert watching.held(psutil.Process()) > watching.MIB
    watcher = watching.Watcher.__new__(watching.Watcher)
    watcher.memory, watcher.disk, watcher.killed = watching.MEMORY, watching.DISK, False
    assert list(watcher.faults()) == []
    watcher.memory, watcher.disk = watching.MEMORY + 1, watching.DISK + 1
    assert len(list(watcher.faults())) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_mutations_are_many_different_ones_and_the_same_each_time(kind: str) -> None:
    found = list(mutations(kind, 40))
    assert len({one.body for one in found}) == 40
    assert list(mutations(kind, 40)) == found
    assert next(iter(mutations(kind, 1, seed=1))).body != found[0].body


def test_attacks_are_chosen_by_part_finding_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert chosen([], ATTACKS) == list(ATTACKS)
    assert [one.name for one in chosen(["E6-rows", "A2"], ATTACKS)] == ["A2", "A2 kind", "E6 rows"]
    assert {one.part for one in chosen(["turns"], ATTACKS)} == {"turns"}
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)
    with pytest.raises(SystemExit):
        main(["turnz"])
    assert "there is no attack turnz; there are the parts memory, turns," in capsys.readouterr().err
    findings = {one.name.split()[0] for one in ATTACKS}
    counts = {"A": 3, "B": 6, "C": 3, "D": 1, "E": 6}
    assert findings >= {f"{letter}{number + 1}" for letter, count in counts.items() for number in range(count)}


PLANTED = """
import itertools
from customer_features.cli import main
from customer_features.service import route
from customer_features.service.problems import Refused
plain, counted = route._answered, itertools.count()
def answered(work, coding, body):
    number = next(counted) % 200 if len(body) < 1000 else 0
    if number == 50:
        raise Refused("overloaded", "This one is planted.")
    if number == 100:
        raise RuntimeError("planted")
    found, headers, customers = plain(work, coding, body)
    return (found.replace(b"459.48", b"459.47") if number == 150 else found), headers, customers
route._answered = answered
main()
"""


async def wait(attacker: Attacker) -> None:
    """Do nothing."""
    await paused(0)


@pytest.mark.slow
def test_what_is_planted_in_a_server_is_noticed() -> None:
    planted = Attack("planted", "none", "nothing", wait, command=[sys.executable, "-c", PLANTED])
    report = attacked(planted, patience=BUSY)
    kinds = {"bystander's wrong answer", "bystander's refusal", "bystander's unplanned 5xx", "internal errors"}
    assert {kind.removesuffix(" at rest") for kind in report.faults} == kinds, report.texts
    assert "FAILED" in report.line()


@pytest.mark.slow
def test_nothing_is_noticed_where_nothing_is_wrong() -> None:
    report = attacked(Attack("nothing", "none", "nothing", wait), patience=BUSY)
    assert report.faults == {}, report.texts
    assert set(report.seen.attacked) == {"example", "large", "table", "job", "dataset", "health"}


def test_an_attack_that_breaks_off_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*given: object, **more: object) -> None:
        raise AssertionError("it did not start")

    monkeypatch.setattr("tests.attack.running.start", broken)
    assert main([], [Attack("Z1", "none", "nothing", wait)]) == 1
    said = capsys.readouterr().out
    assert "broken off: AssertionError: it did not start" in said
    assert "1 attacks, 1 did not hold: Z1" in said
