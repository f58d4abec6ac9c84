"""Documents to chunks to embeddings and a lexical index to hybrid search. Knows no copilot."""
