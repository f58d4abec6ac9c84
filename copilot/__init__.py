"""The core of Incident Copilot. It knows no user interface: surfaces render its stream of events."""

__version__ = "0.1.0"
