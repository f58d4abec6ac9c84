"""The evaluation: problems, faults, environments, orchestrator, graders, reports."""
