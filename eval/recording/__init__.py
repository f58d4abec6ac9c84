"""Records a live incident into one file, and serves it again: the same answers, or "not recorded"."""
