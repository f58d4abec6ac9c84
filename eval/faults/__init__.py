"""Kinds of faults, each parameterised by its target."""
