"""What is sent: how it arrives, where it is computed, and how its answer leaves."""
