"""The apps that problems run on: one YAML each."""
