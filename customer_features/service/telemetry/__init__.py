"""What is told of requests: metrics, traces, and why one was refused."""
