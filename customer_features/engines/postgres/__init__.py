"""Rows that stay in a PostgreSQL server."""
