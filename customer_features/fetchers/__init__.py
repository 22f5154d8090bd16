"""Sources that are no files, a module a kind of address: each has ``fetched``, which keeps a copy for the run."""
