"""Who a request comes from: the connection's other end, or, behind trusted proxies, what they say of it.

``X-Forwarded-For`` is a list to which every proxy appends the address it was called from. Anyone can send one,
so it is read from its right end, and only as long as the address that vouches for an entry is trusted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from customer_features.errors import InvalidOption

HEADER = b"x-forwarded-for"
PEER = "customer_features.peer"
"""Where the state of a request's scope holds the address of its peer."""

UNKNOWN = "-"
"""The peer of a connection that has no address, such as a socket in the file system."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def parse_proxies(text: str) -> tuple[Network, ...]:
    """Networks of a list such as ``10.0.0.0/8, 192.0.2.7, ::1``. Raises InvalidOption."""
    networks = []
    for part in re.split(r"[\s,]+", text.strip()):
        if not part:
            continue
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            hint = str(error).partition("' ")[2] or str(error)
            if "host bits" in hint:
                hint = f"did you mean {ipaddress.ip_network(part, strict=False)}?"
            raise InvalidOption(
                "trusted-proxies",
                f"'{part}' is neither an address nor a network ({hint}); give for example 10.0.0.0/8,192.0.2.7",
            ) from None
        if network.prefixlen == 0:
            raise InvalidOption(
                "trusted-proxies", f"'{part}' would trust everyone's word for who they are; name the proxies alone"
            )
        networks.append(network)
    return tuple(networks)


class Peers:
    """Tells the peer of a request; ``trusted`` are the proxies whose word counts."""

    def __init__(self, trusted: tuple[Network, ...] = ()) -> None:
        self._trusted = trusted

    def find(self, scope: Mapping[str, Any]) -> str:
        """The address of the request's peer, the nearest one that is no trusted proxy."""
        client = scope.get("client")
        if not client:
            return UNKNOWN
        if not self._trusted:
            return str(client[0])
        peer = address_of(str(client[0]))
        if peer is None:
            return UNKNOWN
        said = b",".join(value for name, value in scope["headers"] if name == HEADER)
        hops = said.decode("latin-1").split(",") if said else []
        while hops and self._trusts(peer):
            before = address_of(hops.pop())
            if before is None:
                # Nobody knows what stood here, so nothing further left is vouched for either.
                break
            peer = before
        return str(peer)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def peer_of(scope: Mapping[str, Any]) -> str:
    """The address that the guard found for this request; ``-`` where there is none."""
    return str(scope.get("state", {}).get(PEER, UNKNOWN))


def address_of(text: str) -> Address | None:
    """An address as proxies write it, with or without a port; None where it is none."""
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A listener on :: sees callers of version 4 in this form, and the list of proxies names them in the other.
    return getattr(address, "ipv4_mapped", None) or address
