"""Conversations, approvals, audit log: the one database."""
