"""The truth about a problem, from its faults' own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from copilot.model.causes import CAUSES
from eval.problems import Problem
from eval.protocols import Environment, Expected, Fault


@dataclass(frozen=True, slots=True)
class Truth:
    """`places` has one set of names for each fault: the services, and the objects to blame.

    `answers` are AIOpsLab's two fields for each cause that counts.
    """

    expected: tuple[Expected, ...]
    places: tuple[frozenset[str], ...]
    answers: tuple[tuple[str, str], ...]
    causes: frozenset[str]

    @property
    def parts(self) -> dict[str, Any]:
        """The truth as data, for the rubric: what is to blame, the cause in words, and the chain."""
        links = [link for each in self.expected for link in each.chain]
        causes = [each.chain[0].what for each in self.expected if each.chain]
        return {
            "objects": [str(o) for each in self.expected for o in each.objects],
            "cause": "; ".join(causes),
            "chain": list(dict.fromkeys(str(link.object) for link in links)),
        }

    @property
    def words(self) -> str:
        """The truth in words, for judges and readers of results."""
        if not self.expected:
            return "Nothing is wrong: the application is healthy."
        told = []
        for each in self.expected:
            objects = " or ".join(map(str, each.objects))
            chain = "; then ".join(f"{link.object}: {link.what}" for link in each.chain)
            told.append(f"The cause is {' or '.join(each.causes)} at {objects}. {chain}.")
        return " And: ".join(told)


def truth_of(
    problem: Problem, environment: Environment, faults: tuple[tuple[Fault, str], ...]
) -> Truth:
    """Collect the truth; a single fault's place may go by the reference's labels too."""
    expected = tuple(fault.expected(environment, target) for fault, target in faults)
    labels = set(problem.labels.services) if len(expected) == 1 else set()
    places = tuple(
        frozenset({*each.services, *(o.name for o in each.objects), *labels}) for each in expected
    )
    answers = [(each.system_level, each.fault_type) for each in expected]
    causes = frozenset(cause for each in expected for cause in each.causes)
    answers += [(CAUSES[c].system_level, CAUSES[c].fault_type) for c in causes if c in CAUSES]
    return Truth(expected, places, tuple(dict.fromkeys(answers)), causes)
