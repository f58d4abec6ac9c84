"""The one door for writes: dry run, approval, lock, apply, verify, undo."""
