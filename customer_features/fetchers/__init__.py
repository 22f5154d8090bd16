"""Copies of what stands at an address, for the time of a run, a module a kind of address: each has ``fetched``."""
