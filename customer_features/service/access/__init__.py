"""Who may ask, and how often: credentials, their store, quotas, TLS."""
