"""The agent-cloud interface: what an agent may do, each tool documented."""
