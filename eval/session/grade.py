"""Both oracles on what came of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.api.errors import ConnectorError
from eval.oracles import answers
from eval.oracles.answers import Judged
from eval.oracles.repairs_compat import repaired_compat
from eval.oracles.repairs_strict import repaired_strict
from eval.oracles.state import look
from eval.problems import Task
from eval.session.scene import Scene
from eval.session.talk import talked_well


@dataclass(frozen=True, slots=True)
class Graded:
    """The two oracles' words, and what the agent broke that was well when it began."""

    compat: Judged
    strict: Judged
    regressions: tuple[str, ...]
    mitigated: bool | None = None
    diagnosed: bool | None = None


async def grade(scene: Scene, solution: Any) -> Graded:
    """Grade a solution, None for none, and the state of the cluster. A repair takes virtual minutes.

    Strict also wants that nothing broke that was well, whatever the task.
    """
    problem, truth = scene.problem, scene.truth
    mitigated = diagnosed = None
    match problem.task:
        case Task.DETECTION:
            compat = answers.detection_compat(problem, solution)
            strict = answers.detection_strict(problem, solution)
        case Task.LOCALIZATION:
            compat = answers.localization_compat(problem, truth, solution)
            strict = answers.localization_strict(problem, truth, solution)
        case Task.ANALYSIS:
            compat = answers.analysis_compat(problem, solution)
            strict = answers.analysis_strict(problem, truth, solution)
        case Task.MITIGATION:
            compat, strict = await _repairs(scene)
            mitigated = strict.success
        case Task.END_TO_END:
            repaired = await _repairs(scene)
            named = solution.get("faulty_components") if isinstance(solution, dict) else None
            place = answers.localization_strict(problem, truth, named)
            compat, strict = (_and(r, place) for r in repaired)
            mitigated, diagnosed = repaired[1].success, place.success
        case Task.CONVERSATION:
            compat = strict = talked_well(solution)
    lost = scene.after.broken(await look(scene.environment))
    if lost and not problem.task.writes:
        strict = Judged(False, f"{strict.detail}; broke: {lost[0]}", strict.subset, strict.within_3)
    return Graded(compat, strict, lost, mitigated, diagnosed)


async def _repairs(scene: Scene) -> tuple[Judged, Judged]:
    try:
        compat = await repaired_compat(scene.environment, scene.problem)
    except ConnectorError as error:
        compat = Judged(False, f"the check fails: {error}")
    try:
        strict = await repaired_strict(scene.environment, scene.faults, scene.before)
    except ConnectorError as error:
        strict = Judged(False, f"the oracle fails: {error}")
    return compat, strict


def _and(repair: Judged, place: Judged) -> Judged:
    return Judged(
        repair.success and place.success,
        f"{repair.detail}; named: {place.detail}",
        place.subset,
        place.within_3,
    )
