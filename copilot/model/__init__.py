"""The words everything else is written in: scope, evidence, findings, diagnosis, actions, events.

Frozen dataclasses from the standard library only, so that importing them costs nothing.
"""
