"""What the server may be told, parsed and checked once; every value also comes from the environment."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from customer_features.errors import InvalidOption, UsageError
from customer_features.service.peers import Network

MIB = 1024 * 1024
MAX_BODY = 32 * MIB
REQUEST_TIMEOUT = 60.0
KEY_CACHE = 2.0
"""Seconds for which a worker goes on trusting a credential that was right, and may be revoked by now."""
MAX_CUSTOMERS = 250_000
MAX_TRANSACTIONS = 1_000_000
EXPLORER_MAX = 4 * 2**30
TABLE_MEMORY = 512 * MIB
"""Bytes that the engine may take for one body that is a table; beyond, it spills to the spool."""
MAX_DATES = 366
"""Dates (``today``) of one request over a table: a year of days, or 30 years of months."""
MAX_VECTORS = 5_000_000
"""Customers times dates of one request over a table: some 400 MB as CSV."""
TENANT_DISK = 2 * 2**30
"""Bytes of a tenant's jobs, bodies and answers, where nothing is said and bodies are not larger than usual."""
MIN_RATE = 16 * 1024
"""Bytes a second that a large body must come at, and a large answer be taken at: below any line that people use."""
PEER_CONNECTIONS = 1024
"""Connections of one peer's address that a worker keeps: an eighth of all that it serves."""
LIBRARIES = 512 * MIB
"""Bytes of a computing process that its libraries take, the renderer of the explorer's charts among them."""
BODY_IN_MEMORY = 16
"""Bytes of memory for each byte of a body that is decoded as a whole."""
JOB_TIMEOUT = 3600.0
JOB_KEEP = 86400.0
FAILED_LOGINS = "1000/minute"
LOG_LEVELS = ("debug", "info", "warning", "error")

_SIZE = re.compile(r"([0-9]{1,12})\s*(b|kb|kib|mb|mib|gb|gib)?", re.IGNORECASE | re.ASCII)
_SIZES = {
    "b": 1,
    "kb": 10**3,
    "kib": 1024,
    "mb": 10**6,
    "mib": MIB,
    "gb": 10**9,
    "gib": 1024 * MIB,
}
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhdw])", re.IGNORECASE | re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_size(option: str, text: str) -> int:
    """Bytes of a size such as ``32MiB``, ``500kB`` or ``1048576``. Raises InvalidOption."""
    match = _SIZE.fullmatch(text.strip())
    size = int(match[1]) * _SIZES[(match[2] or "b").lower()] if match else 0
    if size < 1:
        raise InvalidOption(option, f"'{text}' is not a size; give for example 32MiB or a number of bytes")
    return size


def parse_duration(option: str, text: str, *, least: int = 1) -> int:
    """Seconds of a duration such as ``60s``, ``30m``, ``24h`` or ``90d``. Raises InvalidOption."""
    match = _DURATION.fullmatch(text.strip())
    seconds = int(match[1]) * _SECONDS[match[2].lower()] if match else -1
    if seconds < least:
        smallest = "" if least <= 0 else f", {least}s or more"
        raise InvalidOption(option, f"'{text}' is not a duration; give for example 60s, 24h or 90d{smallest}")
    return seconds


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where credentials live: ``CUSTOMER_FEATURES_DATA_DIR``, or a folder of the user's own."""
    if told := environ.get("CUSTOMER_FEATURES_DATA_DIR"):
        return Path(told).expanduser()
    if base := environ.get("XDG_DATA_HOME"):
        return Path(base) / "customer-features"
    return Path.home() / ".local" / "share" / "customer-features"


def resolve(host: str, port: int, option: str = "host") -> list[str]:
    """The numeric addresses that ``host`` stands for. Raises InvalidOption where there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise InvalidOption(option, f"'{host}' is not an address of this machine; try 127.0.0.1") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_loopback(addresses: list[str]) -> bool:
    """Whether nobody but this machine can reach any of these numeric addresses."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses)


@dataclass(frozen=True, slots=True)
class Settings:
    """One server's settings. Sizes are bytes, durations seconds.

    ``max_body``: bytes of one request body as it arrives, ``max_unpacked`` once it is unpacked
    (None: as many). ``max_customers`` and
    ``max_transactions``: of one request. ``request_timeout``: how long a body may take to arrive, and each
    piece of an answer to be taken. ``rate_limit``:
    requests of a tenant, ``failed_logins``: of a peer's address, such as ``600/minute`` or ``none``; ``redis``: the
    address of the store in which all workers count together. ``table_memory``: bytes for one body that is a table,
    ``max_table``: bytes of one (None: as ``max_body``). ``process_memory``: bytes of a process that computes (None: as
    the other limits need). ``job_timeout``: how long a job may compute, ``job_keep``: how
    long its answer is kept; ``tenant_disk``: bytes of one tenant's jobs (None: ``TENANT_DISK``, or four of the largest
    bodies). ``max_dates``: dates of one table, ``max_vectors``: customers times dates. ``min_rate``: bytes a second
    of a large body, and of who reads an answer. ``peer_connections``: of one address with one worker.
    ``drain``: how long ``/ready`` answers 503 before the server stops. ``trusted_proxies``: whose
    ``X-Forwarded-For`` counts. ``metrics_port``: where metrics are answered; None counts nothing.
    ``explorer``: show its page at ``/``; ``explorer_max``: bytes of a file that is dropped there.
    ``traces``: the address of a collector; None traces nothing. ``tls``: the files of a certificate and its key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    auth: bool = True
    max_body: int = MAX_BODY
    max_unpacked: int | None = None
    max_customers: int = MAX_CUSTOMERS
    max_transactions: int = MAX_TRANSACTIONS
    rate_limit: str = "none"
    failed_logins: str = FAILED_LOGINS
    redis: str | None = None
    table_memory: int = TABLE_MEMORY
    max_table: int | None = None
    process_memory: int | None = None
    job_timeout: float = JOB_TIMEOUT
    job_keep: float = JOB_KEEP
    tenant_disk: int | None = None
    max_dates: int = MAX_DATES
    max_vectors: int = MAX_VECTORS
    min_rate: int = MIN_RATE
    peer_connections: int = PEER_CONNECTIONS
    request_timeout: float = REQUEST_TIMEOUT
    drain: float = 0.0
    timezone: str = "UTC"
    log_level: str = "info"
    key_cache: float = KEY_CACHE
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    trusted_proxies: tuple[Network, ...] = ()
    traces: str | None = None
    tls: tuple[Path, Path] | None = None
    explorer: bool = False
    explorer_max: int = EXPLORER_MAX
    data_dir: Path = field(default_factory=data_folder)

    @property
    def largest_unpacked(self) -> int:
        """Bytes of the largest JSON body once it is unpacked."""
        return self.max_body if self.max_unpacked is None else self.max_unpacked

    @property
    def largest_table(self) -> int:
        """Bytes of the largest body that is a table, as it is received."""
        return self.max_body if self.max_table is None else self.max_table

    @property
    def memory_of_process(self) -> int:
        """Bytes of private memory of a process that computes: a table is in the engine and beside it at a time."""
        if self.process_memory is not None:
            return self.process_memory
        return LIBRARIES + 2 * self.table_memory + BODY_IN_MEMORY * self.largest_unpacked

    def checked_address(self) -> str:
        """The numeric address to listen on. Raises UsageError where these settings must not serve."""
        addresses = resolve(self.host, self.port)
        if self.metrics_port is not None:
            resolve(self.metrics_host, self.metrics_port, "metrics-host")
        if not self.auth and not is_loopback(addresses):
            raise UsageError(
                f"--no-auth is refused on {self.host}: without credentials the service may only listen on a"
                " loopback address such as 127.0.0.1"
            )
        return addresses[0]
