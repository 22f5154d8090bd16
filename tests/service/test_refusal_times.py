"""Refusals told apart by their time: a statistic, which takes a machine that does nothing else. See `make thorough`.

That every refusal does the same work is what test_authentication.py shows; these look at what an attacker would see.
"""

from __future__ import annotations

import bisect
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from customer_features.service.access.authentication import Authenticator

from .conftest import Headers, Refusals, refusals_at
from .harness import ROUTE, start

pytestmark = pytest.mark.thorough


@pytest.fixture
def refusals(tmp_path: Path) -> Iterator[Refusals]:
    with refusals_at(time.time(), tmp_path) as made:
        yield made


def test_req_05_every_refusal_takes_the_same_time(refusals: Refusals) -> None:
    """Inside the process, where no network blurs it: a query, a digest or a comparison left out would be a third."""
    store, kinds = refusals
    gate = Authenticator(store)

    def check(headers: Headers) -> None:
        assert not gate.check(headers).granted

    spent = _spent(kinds, 3000, check)
    medians = {name: statistics.median(times) for name, times in spent.items()}
    print(medians)
    assert max(medians.values()) < 1.15 * min(medians.values())


def test_req_05_no_refusal_is_told_by_its_time(refusals: Refusals) -> None:
    """Whoever guesses from the time of one answer which of two refusals it was is right about every other time.

    Over a socket of this machine, the best place that an attacker can hope for.
    """
    store, kinds = refusals
    server = start(store.folder, "--failed-logins", "none")
    try:

        def ask(headers: Headers) -> None:
            lines = [b"%s: %s" % (name, value) for name, (value,) in headers.items()]
            head = [b"POST %s HTTP/1.1" % ROUTE.encode(), b"Host: x", *lines, b"Content-Length: 0", b"", b""]
            with server.connect() as peer:
                peer.sendall(b"\r\n".join(head))
                assert peer.recv(16).startswith(b"HTTP/1.1 401")

        spent = _spent(kinds, 1500, ask)
    finally:
        server.kill()
    guesses = {
        f"{one} or {other}": right_guesses(spent[one], spent[other]) for one, other in itertools.combinations(kinds, 2)
    }
    print(guesses)
    assert max(guesses.values()) < 0.6


def _spent(kinds: dict[str, Callable[[], Headers]], times: int, ask: Callable[[Headers], None]) -> dict[str, list[int]]:
    """Nanoseconds of every refusal by its kind.

    All is made beforehand and comes in any order, so that nothing but the refusal tells one time from another.
    """
    asked = [(name, make()) for name, make in kinds.items() for _ in range(times)]
    random.shuffle(asked)
    spent: dict[str, list[int]] = {name: [] for name in kinds}
    for name, headers in asked:
        begun = time.perf_counter_ns()
        ask(headers)
        spent[name].append(time.perf_counter_ns() - begun)
    return spent


def right_guesses(one: list[int], other: list[int]) -> float:
    """The share of right guesses which of two times is whose (Mann-Whitney's U over all pairs); 0.5 is a coin's."""
    ranked = sorted(other)
    above = sum(bisect.bisect_left(ranked, x) + bisect.bisect_right(ranked, x) for x in one) / 2
    share = above / (len(one) * len(other))
    return max(share, 1 - share)
