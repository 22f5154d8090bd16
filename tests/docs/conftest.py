"""The server and the databases of the tests."""

from tests.database import database, server

__all__ = ["database", "server"]
