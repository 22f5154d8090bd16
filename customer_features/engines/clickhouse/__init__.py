"""Rows that stay in ClickHouse."""
