"""Indexes derived from the store: each can be thrown away and made again."""
