"""Settings: one file and the environment, read in one place."""
