"""Small functions from a case to clues, each about one kind of condition."""
