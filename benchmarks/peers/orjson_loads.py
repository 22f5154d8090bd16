"""The limit of any JSON door in Python: parsing alone."""

from __future__ import annotations

import orjson

run = orjson.loads
