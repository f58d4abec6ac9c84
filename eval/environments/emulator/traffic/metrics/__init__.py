"""The samples that exporters of a real cluster would give, under their real names."""
