"""One exact feature vector per customer from raw purchase transactions."""

from __future__ import annotations

__version__ = "0.1.0"
