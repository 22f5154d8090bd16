"""The variables of the environment that this package knows, so that a mistyped one is not silently without effect."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from customer_features.errors import UsageError, did_you_mean

PREFIX = "CUSTOMER_FEATURES_"

SHARED = {
    "CUSTOMER_FEATURES_DATA_DIR": "the folder of the credentials, for serve and keys",
    "CUSTOMER_FEATURES_PEPPER": "the key under which secrets are hashed, instead of the file in that folder",
    "CUSTOMER_FEATURES_DEBUG": "tracebacks of faults of the program itself",
}
"""What the service reads beside its options."""

ELSEWHERE = (
    # Options of build and check.
    "CUSTOMER_FEATURES_LOG",
    "CUSTOMER_FEATURES_SPILL_DIR",
    "CUSTOMER_FEATURES_SPILL_LIMIT",
    # Where clients find a service, and what they show it; on one machine with it, in tests for example.
    "CUSTOMER_FEATURES_URL",
    "CUSTOMER_FEATURES_API_ID",
    "CUSTOMER_FEATURES_SECRET",
)
"""What others read: no mistake in a server's environment."""


def variable_of(option: str) -> str:
    """The variable that gives an option, for example of ``--max-body``."""
    return PREFIX + option.strip("-").replace("-", "_").upper()


def check(options: Iterable[str], environ: Mapping[str, str] = os.environ) -> None:
    """Refuse variables that look like settings and are none. Raises UsageError, without their values."""
    allowed = [*map(variable_of, options), *SHARED]
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in {*allowed, *ELSEWHERE})
    if unknown:
        name = unknown[0]
        more = f" (nor {', '.join(unknown[1:])})" if len(unknown) > 1 else ""
        raise UsageError(
            f"{name} is not a setting{more}{did_you_mean(name, allowed)}; allowed are {', '.join(sorted(allowed))}"
        )
