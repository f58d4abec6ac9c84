"""An in-process cluster on a virtual clock that serves the real HTTP APIs on loopback."""
