"""AIOpsLab's names, for its client scripts."""
