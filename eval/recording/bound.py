"""A bundle that is bound to an app of the emulator: whether the proposed repair works is tried out there.

The app is broken as the binding says, the action that the replay's diagnosis proposes is carried out as the
product would, and the strict oracle looks at the result.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.api.errors import ConnectorError
from copilot.mitigation.plans import plans
from copilot.mitigation.writes import Writes
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import CopilotError, UsageError
from copilot.tools.wrap import wrapped
from eval.apps.loader import AppError, load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import FAULTS
from eval.oracles.repairs_strict import repaired_strict
from eval.problems import Broken, Problem, Task
from eval.recording.schema import BoundPart
from eval.session.scene import set_scene

_WARMUP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Tried:
    """Whether the proposed action repairs the bound app, and what decided it."""

    works: bool
    detail: str


def check(bound: BoundPart, namespaces: tuple[str, ...]) -> Problem:
    """Return the problem that a binding names. Raises `UsageError` for one that cannot be set up."""
    hint = 'see "bound" in docs/bundle.md'
    try:
        app = load_app(bound.app)
    except AppError as error:
        raise UsageError(f"the bundle is bound to {bound.app}: {error}", hint=hint) from error
    if namespaces and app.namespace not in namespaces:
        raise UsageError(
            f"{app.name} lives in {app.namespace}, of which nothing was recorded", hint=hint
        )
    for one in bound.faults:
        if one.kind not in FAULTS or one.target not in app.services:
            raise UsageError(f"{one.kind} on {one.target} fits nothing of {app.name}", hint=hint)
    faults = tuple(Broken(one.kind, one.target) for one in bound.faults)
    return Problem("bound", Task.MITIGATION, bound.app, faults, settle_seconds=bound.settle_seconds)


async def try_out(diagnosis: Diagnosis, bound: BoundPart, namespaces: tuple[str, ...]) -> Tried:
    """Carry out the first proposed action on the bound app. Raises `UsageError` as `check` does."""
    problem = check(bound, namespaces)
    if not diagnosis.mitigations:
        return Tried(False, "nothing was proposed")
    emulator = await Emulator.start(problem.app, seed=bound.seed, warmup_seconds=_WARMUP_SECONDS)
    try:
        try:
            scene = await set_scene(problem, emulator, emulator.app, bound.seed)
        except (ValueError, KeyError) as error:
            raise UsageError(f"the bound app cannot be broken so: {error}") from error
        writes = Writes(emulator.writer, emulator.reader, emulator.clock)
        action = diagnosis.mitigations[0].action
        try:
            with wrapped():
                await writes.apply(await plans(action, emulator.reader, emulator.clock.now()))
        except (CopilotError, ConnectorError) as error:
            return Tried(False, f"it cannot be done: {error}")
        judged = await repaired_strict(emulator, scene.faults, scene.before)
        return Tried(judged.success, judged.detail)
    finally:
        await emulator.close()
