"""What `exec_shell` understands: kubectl's read verbs and text filters. Nothing here is a shell."""
