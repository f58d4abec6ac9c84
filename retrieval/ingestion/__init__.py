"""Files to documents to embedded passages."""
