"""Real grocery rows with damage of known kinds planted in them, and what must become of every row."""
