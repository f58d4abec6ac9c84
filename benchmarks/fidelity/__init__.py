"""How alike the emulator and the real twin are: what is compared, and how it is collected."""
