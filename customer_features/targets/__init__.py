"""Where results go, a module a kind of target: each has ``check_target`` and ``publish``."""
