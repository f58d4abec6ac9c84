"""Many problems: processes, crashes, resumption."""
