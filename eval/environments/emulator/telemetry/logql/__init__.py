"""LogQL: the part that people type, parsed and evaluated over container logs."""

from eval.environments.emulator.telemetry.logql.errors import LogQLError, ParseError
from eval.environments.emulator.telemetry.logql.parser import parse, parse_selector

__all__ = ["LogQLError", "ParseError", "parse", "parse_selector"]
