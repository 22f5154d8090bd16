"""Every limit of a request, in one table: what it bounds, how much is allowed, and how the request is refused.

The values stand where they are held; this collects them for the operators' page (docs/operate.md) and the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from customer_features import bounds, money, parquet_files
from customer_features.engines import listing, rows_faults
from customer_features.service import computing, limits, query, settings, small, spool
from customer_features.service import jobs as queue
from customer_features.service.explorer import datasets
from customer_features.service.problems import KINDS
from customer_features.service.server import CONNECTIONS, HEADER_TIMEOUT, MAX_HEAD

JSON, TABLES, JOBS, EXPLORER = "JSON", "tables", "jobs", "explorer"
EVERY = (JSON, TABLES, JOBS, EXPLORER)
REQUESTS = (JSON, TABLES, JOBS)
FILES = (TABLES, JOBS, EXPLORER)

_DEFAULTS = settings.Settings()


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit.

    ``phase``: when it is looked at; ``refusal``: the name of a problem, or a sentence where there is no answer;
    ``option``: what sets it, if anything does; ``doors``: the kinds of request that it holds for.
    """

    name: str
    default: float
    unit: str
    bounds: str
    phase: str
    refusal: str
    doors: tuple[str, ...]
    option: str = ""

    @property
    def status(self) -> int | None:
        """The status of the refusal; None where there is no answer."""
        kind = KINDS.get(self.refusal)
        return kind.status if kind else None


LIMITS = (
    Limit("connections", CONNECTIONS, "connections", "of one worker; more wait", "connected", "wait", EVERY),
    Limit("head_time", HEADER_TIMEOUT, "seconds", "a head may take to arrive", "received", "connection ends", EVERY),
    Limit("head", MAX_HEAD, "bytes", "of a head", "received", "431 without a body", EVERY),
    Limit("query", query.MAX_LENGTH, "bytes", "of a query string", "received", "uri-too-long", REQUESTS),
    Limit("parameters", query.MAX_PARAMETERS, "", "parameters of a query", "received", "faulty-request", REQUESTS),
    Limit(
        "body", _DEFAULTS.max_body, "bytes", "of a JSON body", "received", "body-too-large", (JSON, JOBS), "--max-body"
    ),
    Limit(
        "table",
        _DEFAULTS.largest_table,
        "bytes",
        "of a table",
        "received",
        "body-too-large",
        (TABLES, JOBS),
        "--max-table",
    ),
    Limit(
        *("file", _DEFAULTS.explorer_max, "bytes", "of a file, also once it is unpacked", "received"),
        *("body-too-large", (EXPLORER,), "--explorer-max"),
    ),
    Limit(
        *("body_time", _DEFAULTS.request_timeout, "seconds", "a body may take to arrive", "received"),
        *("request-timeout", EVERY, "--request-timeout"),
    ),
    Limit(
        *("unpacked", _DEFAULTS.largest_unpacked, "bytes", "of a body once it is unpacked", "unpacked"),
        *("body-too-large", REQUESTS, "--max-unpacked"),
    ),
    Limit(
        *("bodies_held", limits.BODIES_HELD, "largest bodies", "that a worker holds at a time", "received"),
        *("overloaded", (JSON,)),
    ),
    Limit("spooled", spool.HELD, "bodies", "in the spool of a worker", "received", "overloaded", (TABLES,)),
    Limit("columns", bounds.MAX_COLUMNS, "", "columns, or keys of NDJSON", "declared", "body-too-large", FILES),
    Limit(
        "batches", bounds.MAX_BATCHES, "", "Arrow batches or Parquet row groups", "declared", "body-too-large", FILES
    ),
    Limit(
        *("footer_list", parquet_files.MAX_FOOTER_LIST, "elements", "of a list in a Parquet footer", "declared"),
        *("malformed-table", FILES),
    ),
    Limit(
        *("footer_text", parquet_files.MAX_FOOTER_TEXT, "bytes", "of a text in a Parquet footer", "declared"),
        *("malformed-table", FILES),
    ),
    Limit(
        *("customers", _DEFAULTS.max_customers, "", "customers of a JSON body", "computed", "body-too-large"),
        *((JSON, JOBS), "--max-customers"),
    ),
    Limit(
        *("transactions", _DEFAULTS.max_transactions, "", "transactions of a JSON body", "computed", "body-too-large"),
        *((JSON, JOBS), "--max-transactions"),
    ),
    Limit("id", rows_faults.MAX_ID, "characters", "of an id in JSON", "computed", "faulty-request", (JSON, JOBS)),
    Limit("amount", money.MAX_AMOUNT, "", "the largest amount", "computed", "faulty-request", EVERY),
    Limit(
        "listed", listing.LISTED, "faults", "listed in one answer; all are counted", "computed", "faulty-request", EVERY
    ),
    Limit(
        *("explained", small.EXPLAINED, "commas", "of a faulty body that is looked through on the event loop"),
        *("computed", "computed in another process", (JSON,)),
    ),
    Limit(
        *("small", computing.LARGE_BODY, "bytes", "of a body that is answered on the event loop", "computed"),
        *("computed in another process", (JSON,)),
    ),
    Limit(
        "queue",
        computing.QUEUE,
        "bodies",
        "computed or waiting in one worker, of each door",
        "queued",
        "overloaded",
        EVERY,
    ),
    Limit("jobs", queue.WAITING, "jobs", "of one tenant that wait or run", "queued", "overloaded", (JOBS,)),
    Limit("datasets", datasets.HELD, "datasets", "at a time", "queued", "overloaded", (EXPLORER,)),
    Limit(
        *("table_memory", _DEFAULTS.table_memory, "bytes", "of memory for a table in the engine, and for Arrow data"),
        *("computed", "body-too-large", FILES, "--table-memory"),
    ),
    Limit(
        *("process_memory", _DEFAULTS.memory_of_process, "bytes", "of private memory of a process that computes"),
        *("computed", "body-too-large", EVERY, "--process-memory"),
    ),
    Limit(
        *("compute_time", _DEFAULTS.request_timeout, "seconds", "of one computation; its process is ended", "computed"),
        *("timed-out", (JSON, TABLES), "--request-timeout"),
    ),
    Limit(
        *("job_time", _DEFAULTS.job_timeout, "seconds", "of one job or step; its process is ended", "computed"),
        *("timed-out", (JOBS, EXPLORER), "--job-timeout"),
    ),
    Limit(
        *("answer_time", _DEFAULTS.request_timeout, "seconds", "for 64 KiB of an answer to be taken", "answered"),
        *("connection ends", EVERY, "--request-timeout"),
    ),
)
"""In the order of a request: connected, received, unpacked, declared, queued, computed, answered."""
