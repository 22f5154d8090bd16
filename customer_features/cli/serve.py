"""``customer-features serve``: the HTTP service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from customer_features.cli.completion import files, timezones
from customer_features.definition.options import parse_timezone
from customer_features.errors import InvalidOption, MissingExtra
from customer_features.service import environment
from customer_features.service import settings as known
from customer_features.service.access import tls
from customer_features.service.environment import variable_of
from customer_features.service.peers import parse_proxies
from customer_features.service.settings import Settings, parse_duration, parse_size

F = TypeVar("F", bound=Callable[..., Any])
_COUNT = click.IntRange(1, 100_000_000)


def _setting(name: str, **more: Any) -> Callable[[F], F]:
    """An option that the environment may give as well."""
    return click.option(name, envvar=variable_of(name), show_envvar=True, show_default=True, **more)


@click.command()
@_setting("--host", default="127.0.0.1", metavar="H", help="Address to listen on.")
@_setting("--port", default=8000, type=click.IntRange(0, 65535), metavar="P", help="Port; 0 takes a free one.")
@_setting("--workers", default=1, type=click.IntRange(1, 256), metavar="N", help="Processes that answer.")
@_setting("--no-auth", is_flag=True, help="Ask for no credentials; refused unless H is a loopback address.")
@_setting("--max-body", default="32MiB", metavar="SIZE", help="Largest request body.")
@_setting("--max-unpacked", metavar="SIZE", help="Largest body once it is unpacked; as --max-body where left out.")
@_setting("--max-customers", default=known.MAX_CUSTOMERS, type=_COUNT, metavar="N", help="Customers of one request.")
@_setting(
    "--max-transactions", default=known.MAX_TRANSACTIONS, type=_COUNT, metavar="N", help="Transactions of one request."
)
@_setting("--table-memory", default="512MiB", metavar="SIZE", help="Memory for one body that is a table.")
@_setting("--max-table", metavar="SIZE", help="Largest body that is a table; as --max-body where left out.")
@_setting("--max-dates", default=known.MAX_DATES, type=_COUNT, metavar="N", help="Dates (today) of one table.")
@_setting(
    "--max-vectors",
    default=known.MAX_VECTORS,
    type=click.IntRange(1, 10_000_000_000),
    metavar="N",
    help="Customers times dates of one table.",
)
@_setting(
    "--process-memory",
    metavar="SIZE",
    help="Memory of one process that computes; as the other limits need where left out.",
)
@_setting("--job-timeout", default="1h", metavar="TIME", help="How long a job (Prefer: respond-async) may compute.")
@_setting("--job-keep", default="24h", metavar="TIME", help="How long the answer of a job is kept.")
@_setting(
    "--tenant-disk",
    metavar="SIZE",
    help="Disk of one tenant's jobs, bodies and answers; 2GiB where left out, or four of the largest bodies.",
)
@_setting("--rate-limit", default="none", metavar="QUOTA", help="Requests of one tenant, e.g. 600/minute.")
@_setting("--failed-logins", default=known.FAILED_LOGINS, metavar="QUOTA", help="Failed logins of one peer's address.")
@_setting("--redis", metavar="URL", help="Where all workers count together, e.g. redis://localhost:6379/0.")
@_setting(
    "--request-timeout",
    default="60s",
    metavar="TIME",
    help="How long a body may take to arrive and to be computed, and 64 KiB of an answer to be taken.",
)
@_setting(
    "--min-rate",
    default="16KiB",
    metavar="SIZE",
    help="Bytes a second at which a large body must arrive, and a large answer be taken.",
)
@_setting(
    "--peer-connections",
    default=known.PEER_CONNECTIONS,
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Connections of one address, other than a trusted proxy's, that a worker keeps.",
)
@_setting("--drain", default="0s", metavar="TIME", help="How long /ready answers 503 before the stop.")
@_setting(
    "--timezone",
    default="UTC",
    metavar="TZ",
    shell_complete=timezones,
    help="Where it is today when a request holds no today.",
)
@_setting(
    "--trusted-proxies",
    default="",
    metavar="NETS",
    help="Proxies whose X-Forwarded-For counts: addresses or networks, between commas.",
)
@_setting(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="P",
    help="Answer GET /metrics on this port of its own; 0 takes a free one.  [default: no metrics]",
)
@_setting("--metrics-host", default="127.0.0.1", metavar="H", help="Address that /metrics listens on.")
@_setting(
    "--tls-cert",
    metavar="FILE",
    shell_complete=files,
    help="Speak HTTPS with this certificate (PEM, its chain behind it).",
)
@_setting(
    "--tls-key", metavar="FILE", shell_complete=files, help="The certificate's private key (PEM, without a passphrase)."
)
@_setting("--explorer", is_flag=True, help="Show a page at / on which people look at their files ([explorer]).")
@_setting("--explorer-max", default="4GiB", metavar="SIZE", help="Largest file that may be dropped there.")
@_setting("--traces", metavar="URL", help="Send a span a request to this OTLP collector over HTTP ([tracing]).")
@_setting("--log-level", default="info", type=click.Choice(known.LOG_LEVELS), help="What is logged.")
def serve(
    host: str,
    port: int,
    workers: int,
    no_auth: bool,
    max_body: str,
    max_unpacked: str | None,
    max_customers: int,
    max_transactions: int,
    table_memory: str,
    max_table: str | None,
    max_dates: int,
    max_vectors: int,
    process_memory: str | None,
    job_timeout: str,
    job_keep: str,
    tenant_disk: str | None,
    rate_limit: str,
    failed_logins: str,
    redis: str | None,
    request_timeout: str,
    min_rate: str,
    peer_connections: int,
    drain: str,
    timezone: str,
    trusted_proxies: str,
    metrics_port: int | None,
    metrics_host: str,
    tls_cert: str | None,
    tls_key: str | None,
    explorer: bool,
    explorer_max: str,
    traces: str | None,
    log_level: str,
) -> None:
    """Answer POST /api/v1/ai/customer_features over HTTP.

    Credentials are made with `customer-features keys create NAME` and live under
    CUSTOMER_FEATURES_DATA_DIR. SIGTERM or Ctrl-C stops the service: what is in flight is finished first,
    and the exit code is 0.
    """
    environment.check(option for parameter in serve.params for option in parameter.opts)
    settings = Settings(
        host=host,
        port=port,
        workers=workers,
        auth=not no_auth,
        max_body=parse_size("max-body", max_body),
        max_unpacked=None if max_unpacked is None else parse_size("max-unpacked", max_unpacked),
        max_customers=max_customers,
        max_transactions=max_transactions,
        table_memory=parse_size("table-memory", table_memory),
        max_table=None if max_table is None else parse_size("max-table", max_table),
        max_dates=max_dates,
        max_vectors=max_vectors,
        process_memory=None if process_memory is None else _process_memory(process_memory),
        job_timeout=parse_duration("job-timeout", job_timeout),
        job_keep=parse_duration("job-keep", job_keep),
        tenant_disk=None if tenant_disk is None else parse_size("tenant-disk", tenant_disk),
        rate_limit=rate_limit,
        failed_logins=failed_logins,
        redis=redis,
        request_timeout=parse_duration("request-timeout", request_timeout),
        min_rate=parse_size("min-rate", min_rate),
        peer_connections=peer_connections,
        drain=parse_duration("drain", drain, least=0),
        timezone=parse_timezone(timezone),
        trusted_proxies=parse_proxies(trusted_proxies),
        metrics_port=metrics_port,
        metrics_host=metrics_host,
        tls=tls.checked(tls_cert, tls_key),
        explorer=explorer,
        explorer_max=parse_size("explorer-max", explorer_max),
        traces=_collector(traces) if traces else None,
        log_level=log_level,
    )
    settings.checked_address()
    try:
        from customer_features.service import needs, server
        from customer_features.service.access import quotas
    except ImportError as error:
        raise MissingExtra("customer-features serve", "service") from error
    quotas.check(settings)
    needs.check(settings)
    if settings.auth:
        _look_at_keys(settings)
    if settings.explorer:
        check_explorer()
    server.run(settings, lambda line: click.echo(line, err=True))


def check_explorer() -> None:
    """Raise MissingExtra where what the explorer is made of is not installed."""
    try:
        import customer_features.service.explorer.views  # noqa: F401
    except ImportError as error:  # MissingExtra is one
        raise MissingExtra("the explorer", "explorer") from error


def _process_memory(text: str) -> int:
    """Return the bytes of a memory limit that leaves room for the libraries. Raises InvalidOption."""
    size = parse_size("process-memory", text)
    if size < known.LIBRARIES:
        raise InvalidOption("process-memory", f"'{text}' is too little; a process needs 512MiB before it computes")
    return size


def _collector(address: str) -> str:
    """The address of a collector, checked where there is the extra that sends to it."""
    from customer_features.service.telemetry import tracing

    return tracing.checked(address)


def _look_at_keys(settings: Settings) -> None:
    """Say how to make a key where there is none."""
    from customer_features.service.access.credentials import CredentialStore

    store = CredentialStore(settings.data_dir)
    try:
        if not store.all_keys():
            click.echo(
                f"There are no keys in {settings.data_dir} yet, so every request will be refused. Make one with:"
                " customer-features keys create NAME",
                err=True,
            )
    finally:
        store.close()
