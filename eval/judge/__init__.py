"""Judges of answers in free words: a language model with the truth in view, or a deterministic rubric."""
