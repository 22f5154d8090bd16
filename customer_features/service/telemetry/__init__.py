"""Metrics and traces of requests, and the reason for each refusal."""
