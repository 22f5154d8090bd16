"""What attacks send: bodies by kind of body, and peers, jobs and downloads by what they do."""
