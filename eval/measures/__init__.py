"""Numbers about results, with their uncertainty."""
