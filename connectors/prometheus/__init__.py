"""The Prometheus connector."""
