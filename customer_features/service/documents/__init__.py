"""What the service says of itself: OpenAPI, and the page that shows it."""
