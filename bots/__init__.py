"""Chat surfaces."""
