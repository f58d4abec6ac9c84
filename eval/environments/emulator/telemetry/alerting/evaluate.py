"""Evaluates rules every 30 virtual seconds, late but with the same result.

Samples never change once they are stored, so that all evaluations since the last one can be done
at once when somebody asks: one range query per rule, and nothing at all while nobody looks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from eval.environments.emulator.telemetry.alerting.rules import Group
from eval.environments.emulator.telemetry.alerting.states import RuleState
from eval.environments.emulator.telemetry.promql import Dialect, Engine, PromQLError
from eval.environments.emulator.telemetry.series import Labels, SeriesStore

INTERVAL_SECONDS = 30
"""How often rules are evaluated, in virtual time."""

_LONGEST = 2 * 3600


class Alerting:
    """The rules of one Prometheus and their alerts; `now` gives Unix seconds.

    Call `catch_up` before reading; at most the last two hours are made up for.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        store: SeriesStore,
        now: Callable[[], float],
        *,
        dialect: Dialect = Dialect.V2,
    ) -> None:
        self._now = now
        self._engine = Engine(store, dialect=dialect)
        self.evaluated = 0.0
        self.groups = [
            (group, [RuleState(rule, store) for rule in group.rules]) for group in groups
        ]

    @property
    def rules(self) -> list[RuleState]:
        """All rules."""
        return [state for _, states in self.groups for state in states]

    def catch_up(self) -> None:
        """Do all evaluations that are due."""
        last = self._now() // INTERVAL_SECONDS * INTERVAL_SECONDS
        first = self.evaluated + INTERVAL_SECONDS if self.evaluated else 0.0
        first = max(first, last - _LONGEST)
        if first > last:
            return
        self.evaluated = last
        for state in self.rules:
            self._evaluate(state, first, last)

    def _evaluate(self, state: RuleState, first: float, last: float) -> None:
        try:
            answer = self._engine.range(state.rule.expression, first, last, INTERVAL_SECONDS)
        except PromQLError as error:
            state.error = str(error)
            return
        active: defaultdict[int, list[tuple[Labels, float]]] = defaultdict(list)
        for labels, points in answer.series:
            for ms, value in points:
                active[ms].append((labels, value))
        state.error = ""
        at = first
        while at <= last:
            found = active.get(round(at * 1000), ())
            if found or state.busy:
                try:
                    state.step(at, found)
                except ValueError as error:
                    state.error = str(error)
            at += INTERVAL_SECONDS
