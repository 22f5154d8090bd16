"""A soak: very many requests of every kind against a server whose keys rotate and whose workers are killed."""
