"""The engines, a file each: they turn rows into vectors and know nothing of the doors."""
