"""One problem, played: the environment, the actions, the loop, the record."""
