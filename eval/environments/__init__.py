"""Where problems run: the emulator, or a real cluster."""
