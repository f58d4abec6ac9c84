"""The alert webhook, health and metrics endpoints."""
