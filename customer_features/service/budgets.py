"""Every limit of a request, in one table: what it bounds, how much is allowed, and how the request is refused.

The values stand where they are held; this collects them for the operators' page (docs/operate.md) and the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from customer_features.definition import money
from customer_features.engines import listing
from customer_features.engines.rows import faults
from customer_features.service import query, settings
from customer_features.service.bodies import computing, pace, rooms, shares, small_json, turns
from customer_features.service.explorer import datasets
from customer_features.service.problems import KINDS
from customer_features.service.server import CONNECTIONS, HEADER_TIMEOUT, MAX_HEAD
from customer_features.sources import bounds, parquet

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
    Limit(
        *("peer_connections", _DEFAULTS.peer_connections, "connections", "of one address with a worker", "connected"),
        *("connection ends", EVERY, "--peer-connections"),
    ),
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
        *("rate", _DEFAULTS.min_rate, "bytes", "a second of a large body, once its silence is used up", "received"),
        *("request-timeout", EVERY, "--min-rate"),
    ),
    Limit("silence", pace.GRACE, "seconds", "of silence of a large body", "received", "request-timeout", EVERY),
    Limit(
        *("place", shares.PLACE, "bytes", "that a request counts for beside its body", "received"),
        *("counted below", REQUESTS),
    ),
    Limit(
        *("tenant_small", shares.TENANT_SMALL, "bytes", "of one tenant's requests and small bodies", "received"),
        *("too-many-requests", REQUESTS),
    ),
    Limit(
        *("small_held", shares.SMALL_HELD, "bytes", "of requests and small bodies that a worker holds", "received"),
        *("overloaded", REQUESTS),
    ),
    Limit(
        *("tenant_bodies", shares.TENANT_BODIES, "largest bodies", "of one tenant that a worker holds", "received"),
        *("too-many-requests", (JSON,)),
    ),
    Limit(
        *("bodies_held", shares.BODIES_HELD, "largest bodies", "that a worker holds at a time", "received"),
        *("overloaded", (JSON,)),
    ),
    Limit(
        *("tenant_spool", shares.TENANT_SPOOL, "largest tables", "of one tenant in a worker's spool", "received"),
        *("too-many-requests", (TABLES,)),
    ),
    Limit(
        *("spool_held", shares.SPOOL_HELD, "largest tables", "in the spool of a worker", "received"),
        *("overloaded", (TABLES,)),
    ),
    Limit(
        *("tenant_disk", settings.TENANT_DISK, "bytes", "of disk for one tenant's jobs and answers", "received"),
        *("job-storage-full", (JOBS,), "--tenant-disk"),
    ),
    Limit(
        *("tenant_files", datasets.TENANT_FILES, "largest files", "of one tenant's datasets", "received"),
        *("too-many-requests", (EXPLORER,)),
    ),
    Limit(
        *("dates", _DEFAULTS.max_dates, "", "dates (today) of a table", "declared"),
        *("faulty-request", (TABLES, JOBS), "--max-dates"),
    ),
    Limit("columns", bounds.MAX_COLUMNS, "", "columns, or keys of NDJSON", "declared", "body-too-large", FILES),
    Limit(
        "batches", bounds.MAX_BATCHES, "", "Arrow batches or Parquet row groups", "declared", "body-too-large", FILES
    ),
    Limit(
        *("footer_list", parquet.MAX_FOOTER_LIST, "elements", "of a list in a Parquet footer", "declared"),
        *("malformed-table", FILES),
    ),
    Limit(
        *("footer_text", parquet.MAX_FOOTER_TEXT, "bytes", "of a text in a Parquet footer", "declared"),
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
    Limit("id", faults.MAX_ID, "characters", "of an id in JSON", "computed", "faulty-request", (JSON, JOBS)),
    Limit("amount", money.MAX_AMOUNT, "", "the largest amount", "computed", "faulty-request", EVERY),
    Limit(
        "listed", listing.LISTED, "faults", "listed in one answer; all are counted", "computed", "faulty-request", EVERY
    ),
    Limit(
        *("explained", small_json.EXPLAINED, "commas", "of a faulty body that is looked through on the event loop"),
        *("computed", "computed in another process", (JSON,)),
    ),
    Limit(
        *("small", computing.LARGE_BODY, "bytes", "of a body that is answered on the event loop", "computed"),
        *("computed in another process", (JSON,)),
    ),
    Limit(
        *("tenant_queue", turns.TENANT_QUEUE, "bodies", "of one tenant computed or waiting in a worker", "queued"),
        *("too-many-requests", (JSON, TABLES)),
    ),
    Limit(
        *("queue", turns.QUEUE, "bodies", "computed or waiting in one worker, of each door", "queued"),
        *("overloaded", (JSON, TABLES)),
    ),
    Limit(
        *("jobs", rooms.WAITING, "jobs", "of one tenant that arrive, wait or run", "queued"),
        *("too-many-requests", (JOBS,)),
    ),
    Limit(
        *("running_jobs", max(_DEFAULTS.workers // 2, 1), "jobs", "of one tenant that run: half of the workers"),
        *("queued", "wait", (JOBS,)),
    ),
    Limit(
        *("tenant_datasets", datasets.TENANT_HELD, "datasets", "of one tenant at a time", "queued"),
        *("too-many-requests", (EXPLORER,)),
    ),
    Limit("datasets", datasets.HELD, "datasets", "at a time", "queued", "overloaded", (EXPLORER,)),
    Limit(
        *("vectors", _DEFAULTS.max_vectors, "", "customers times dates of a table", "computed"),
        *("body-too-large", (TABLES, JOBS), "--max-vectors"),
    ),
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
