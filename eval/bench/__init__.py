"""The benchmark of the evidence engine: which cases, how they are run, and what is counted."""
