"""What sources and targets share of a server or store: addresses, clients, errors in words."""
