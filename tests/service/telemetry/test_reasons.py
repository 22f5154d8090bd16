"""Problem documents told by names from our own lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from customer_features import InvalidRequest, answer
from customer_features.definition.faults import FAULTS, fault
from customer_features.service import problems
from customer_features.service.telemetry import reasons
from tests.service.test_faults_over_http import CASES


@pytest.mark.parametrize(("name", "request_"), [case[:2] for case in CASES])
def test_every_fault_is_told_by_its_name(name: str, request_: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        answer(json.dumps(request_).encode())
    reply = problems.reply_with(refused.value.status, refused.value.problem, "/x")
    reason = reasons.read(reply.body)
    assert reason is not None
    assert reason.problem == "faulty-request"
    assert set(reason.faults) == {name if name in {rule.name for rule in FAULTS} else reasons.OTHER}
    assert sum(reason.faults.values()) == reason.fault_count


def test_what_was_sent_does_not_choose_the_name() -> None:
    found = "x is negative: allowed are 0 and more, or the option returns=net"
    assert reasons.name_of(fault("duplicate_customer").says(found)) == "duplicate_customer"
    assert reasons.name_of("window 'amount 1 is negative' is not known") == reasons.OTHER
    assert reasons.name_of("line\nbreak") == reasons.OTHER


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"type":"about:blank"}', b'{"type":1}', b"\xff"])
def test_what_is_no_problem_of_ours_has_no_reason(document: bytes) -> None:
    assert reasons.read(document) is None


def test_other_problems() -> None:
    assert reasons.read(problems.reply("unauthorized", problems.UNAUTHORIZED, "/x").body) == reasons.Reason(
        "unauthorized"
    )
