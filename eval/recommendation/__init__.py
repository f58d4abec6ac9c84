"""Grades recommended causes and mitigations against what was true (the ICSE 2023 study's setting)."""
