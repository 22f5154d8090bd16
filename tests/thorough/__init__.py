"""``make thorough``: the tests at their full numbers, of which CI runs fewer of the same kind."""
