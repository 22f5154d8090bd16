"""What a worker needs to start, checked by the server before it starts or replaces one."""

from __future__ import annotations

from contextlib import suppress

from customer_features.errors import UsageError
from customer_features.service.access import rights, tls
from customer_features.service.access.credentials import CredentialStore
from customer_features.service.bodies import spool
from customer_features.service.bodies.jobs import Jobs
from customer_features.service.settings import Settings


def check(settings: Settings) -> None:
    """Check the certificate and its key, the data folder, the pepper, the credential store and the queue of jobs.

    Raises UsageError, which names what is wrong and what mends it.
    """
    if settings.tls is not None:
        tls.checked(*map(str, settings.tls))
    with suppress(OSError):  # opening the folder reports it
        if settings.data_dir.is_dir():
            rights.check(settings.data_dir)
    spool.sweep(settings.data_dir)
    if settings.auth:
        CredentialStore(settings.data_dir).close()
    try:
        Jobs(settings.data_dir, keep=settings.job_keep).close()
    except UsageError:
        if settings.auth:
            raise  # without authentication, a local trial, the service runs without jobs
