"""The agents that are graded."""
