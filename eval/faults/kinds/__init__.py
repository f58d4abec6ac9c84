"""The tables of kinds, by family."""
