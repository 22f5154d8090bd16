"""JSON-sized input, in plain Python."""
