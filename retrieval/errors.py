"""Errors of retrieval: one clear line each. The core wraps them where it calls them."""

from __future__ import annotations


class KnowledgeError(Exception):
    """Knowledge cannot be read or changed; the text says what failed and what to do."""


class StoreUnavailable(KnowledgeError):
    """The database does not answer, or has no knowledge tables."""


class IndexLocked(KnowledgeError):
    """Another process owns the data folder, so that this one may search but not change it."""


class EmbeddingUnavailable(KnowledgeError):
    """The embedding model cannot be loaded or does not answer."""


class UnreadableFile(KnowledgeError):
    """A file holds no text that can be indexed; the text of the error is the reason."""


class VectorIndexBroken(KnowledgeError):
    """The derived vector index does not answer or disagrees with the store: rebuild it."""


class VectorIndexAway(VectorIndexBroken):
    """The server of the derived vector index cannot be reached now: what it holds may well be sound."""
