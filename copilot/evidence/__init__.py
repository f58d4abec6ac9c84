"""The evidence engine: findings, causal ranking and abstention, without any model."""
