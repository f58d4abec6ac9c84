"""Kubernetes' own OpenAPI schemas: published, and used to decode, prune, merge and explain."""
