"""The LLM agent: one loop, its budget, its grounding check, its fallback to the evidence engine."""
