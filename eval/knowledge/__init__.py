"""Past incidents of invented teams, for the demo and the evaluation only, never in a team's index."""

from __future__ import annotations

from pathlib import Path


def incident_folder() -> Path:
    """Return the folder of the bundled past incidents, one Markdown file each."""
    return Path(__file__).parent / "incidents"
