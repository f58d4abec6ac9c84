"""The emulated observability stack, speaking the real HTTP APIs on loopback."""
