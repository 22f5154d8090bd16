"""A cap on the connections of one peer: what it has beyond is reset, the longest silent first.

The HTTP server accepts whoever comes, up to a number for all. A thread of each worker looks after them instead.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache

from customer_features.service.log import LOGGER
from customer_features.service.peers import Network, address_of
from customer_features.service.sockets import DESCRIPTORS, at_port, borrowed, reset

LOOK = 1.0
"""Seconds between two looks at the connections."""

_NETWORK = 64
"""Bits that tell peers of IPv6 apart: whoever has an address there has this many others."""

_LAST_RECEIVED = slice(52, 56)
"""Where ``struct tcp_info`` of Linux holds the milliseconds since bytes last came (``tcpi_last_data_recv``)."""

_OPEN = {1, 8}
"""The first byte of ``struct tcp_info``, its state, of what this side has not ended: ESTABLISHED and CLOSE_WAIT.

A connection that was reset stays in the list until the server closes it; counted again, it would cost another one.
"""

Peer = tuple[str, int]
"""An address and a port."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection with a peer: its descriptor's number, and for how many milliseconds nothing has come."""

    descriptor: int
    peer: Peer
    silent: int


def watch(
    port: int,
    most: int,
    busy: Collection[Peer],
    trusted: tuple[Network, ...],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Hold each peer of this process's port to ``most`` connections, for ever. ``busy`` are being answered."""
    if sys.platform != "linux":
        return  # which alone tells how long a connection is silent
    while True:
        sleep(LOOK)
        try:
            trim(port, most, busy, trusted)
        except Exception:
            LOGGER.exception("the connections were not looked at")


def trim(port: int, most: int, busy: Collection[Peer], trusted: tuple[Network, ...]) -> None:
    """Reset what each peer has beyond ``most`` connections."""
    if sum(1 for _ in DESCRIPTORS.iterdir()) <= most:
        return  # nobody can have too many, which is cheap to know
    ended = 0
    for connection in excess(connections(port), most, frozenset(busy), trusted):
        with suppress(OSError), ExitStack() as closing:
            one = borrowed(connection.descriptor, closing)
            if one.getpeername()[:2] == connection.peer:  # its number may be another's by now
                reset(one)
                ended += 1
    if ended:
        LOGGER.warning("a peer had too many connections", extra={"fields": {"ended": ended, "allowed": most}})


def excess(
    found: Iterable[Connection], most: int, busy: Collection[Peer], trusted: tuple[Network, ...]
) -> list[Connection]:
    """The connections to end: of each peer those beyond ``most``, idle ones first, and the longest silent of these."""
    by_peer: dict[str, list[Connection]] = defaultdict(list)
    for one in found:
        if (whose := _whose(one.peer[0], trusted)) is not None:
            by_peer[whose].append(one)
    ended: list[Connection] = []
    for several in by_peer.values():
        if len(several) > most:
            several.sort(key=lambda one: (one.peer in busy, -one.silent))
            ended += several[: len(several) - most]
    return ended


def connections(port: int) -> list[Connection]:
    """Return this process's connections at the port, without those that it has ended."""
    found = []
    for one in at_port(port):
        with suppress(OSError):  # one that listens, or whose peer has left, has no peer
            peer = one.getpeername()[:2]
            told = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_RECEIVED.stop)
            if told[0] in _OPEN:
                silent = int.from_bytes(told[_LAST_RECEIVED], sys.byteorder)
                found.append(Connection(one.fileno(), peer, silent))
    return found


@lru_cache(maxsize=1 << 16)
def _whose(text: str, trusted: tuple[Network, ...]) -> str | None:
    """What stands for all addresses of one peer; None for a proxy that is trusted."""
    address = address_of(text)
    if address is None or any(address in network for network in trusted):
        return None
    if address.version == 6:
        return str(ipaddress.ip_network((address, _NETWORK), strict=False))
    return str(address)
