"""This machine, and what is installed and left lying on it."""
