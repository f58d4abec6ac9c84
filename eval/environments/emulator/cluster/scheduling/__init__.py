"""How the scheduler judges nodes: what they hold, what keeps a pod off them, what it prefers."""
