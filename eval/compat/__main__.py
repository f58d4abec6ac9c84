"""Prints the folder that makes `aiopslab` importable: `PYTHONPATH=$(python -m eval.compat)`."""

from eval.compat import FOLDER

print(FOLDER)
