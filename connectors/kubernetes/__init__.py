"""The Kubernetes connector."""
