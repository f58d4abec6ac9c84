"""Oracles: compat judges as AIOpsLab does, strict asks for the cause and the users."""
