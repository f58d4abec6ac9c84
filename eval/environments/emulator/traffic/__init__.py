"""What the apps' programs do: start, call each other, log, and use resources."""
