"""How far a client is, and what it warns of."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import customer_features
from customer_features import Suspicious
from customer_features.client.progress import shown

from .scripted import Ask, Says, Scripted, customer

CUSTOMERS = [customer(f"c{n}", 1.0, 2.0) for n in range(5)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_function_hears_of_every_piece(scripted: Callable[..., Scripted], ask: Ask) -> None:
    heard: list[tuple[int, int]] = []
    ask(
        scripted().url,
        CUSTOMERS,
        "2025-04-24",
        client={"max_customers": 2},
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(2, 5), (4, 5), (5, 5)]


def test_a_bar_on_a_terminal_and_nothing_elsewhere(
    scripted: Callable[..., Scripted], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, shown_there in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", said)
        ask(scripted().url, CUSTOMERS, "2025-04-24", client={"max_customers": 2}, progress=True)
        assert ("Customers" in said.getvalue()) == shown_there
        assert ("5/5" in said.getvalue()) == shown_there
        said.truncate(0)
        ask(scripted().url, CUSTOMERS, "2025-04-24")
        assert said.getvalue().strip("\0") == ""


def test_the_bar_ends_with_the_work_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Terminal()
    monkeypatch.setattr(sys, "stderr", said)
    with pytest.raises(ZeroDivisionError), shown(True, 10) as tell:
        tell(1 // 0)
    assert said.getvalue().endswith("\n")


def test_each_kind_of_warning_is_given_once(scripted: Callable[..., Scripted], ask: Ask) -> None:
    row = {"transaction_id": "T", "date": "2025-04-01", "amount": 2, "product_id": "P"}
    customers: list[Any] = [{"customer_id": f"c{n}", "transactions": [row, row]} for n in range(6)]
    with pytest.warns(Suspicious) as told:
        answer = ask(scripted().url, customers, "2025-04-24", client={"max_customers": 4})
    said = [str(one.message) for one in told if one.category is Suspicious]
    assert [one.partition(":")[0] for one in said] == [
        "looks_like_repeated_totals",
        "repeated_transaction_id",
        "duplicate_row",
    ]
    assert said[1].startswith("repeated_transaction_id: customer 'c0': transaction_id 'T' stands 2 times")
    assert said[1].endswith(" (and 5 more)")
    assert {one.filename for one in told} == {customer.__code__.co_filename}
    # All of them stand in the answer.
    assert len(answer["warnings"]) == 13


def test_an_answer_without_warnings_gives_none(scripted: Callable[..., Scripted], ask: Ask) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(ask(scripted().url, CUSTOMERS, "2025-04-24")) == {"customers"}


def test_defaults_are_not_sent(scripted: Callable[..., Scripted], ask: Ask) -> None:
    server = scripted(Says(200, b'{"customers":[]}'), Says(200, b'{"customers":[]}'))
    ask(server.url, [], grain="transaction", future="fault", returns="fault", window=None)
    ask(server.url, [], "2025-04-24", grain="line", future="exclude", returns="net", window=" 1  YEAR ")
    assert [request.document for request in server.asked] == [
        {"customers": []},
        {
            "today": "2025-04-24",
            "grain": "line",
            "future": "exclude",
            "returns": "net",
            "window": "12 months",
            "customers": [],
        },
    ]


def test_an_option_that_there_is_not(ask: Ask) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'grian'"):
        ask("http://127.0.0.1:9", [], grian="line")
    with pytest.raises(TypeError, match="unexpected keyword argument 'retries'"):
        customer_features.Client("http://127.0.0.1:9", retries=3)  # type: ignore[call-arg]
