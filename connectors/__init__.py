"""One room per outside system. A connector knows neither the copilot nor another connector."""
