"""The engines, a folder each: they turn rows into vectors and know nothing of the doors."""
