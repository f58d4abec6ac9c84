"""Suites of problems, as data and as rules."""
