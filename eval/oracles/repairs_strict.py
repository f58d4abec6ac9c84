"""The strict oracle of a repair: the cause is gone, users are served, and nothing else broke.

Each part looks at one thing and says what is wrong there. All must be content at the same time, and
stay so: SREGym's sustained readiness. How long a right repair may take to show is `_PATIENCE`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from eval.oracles.alerts import firing
from eval.oracles.answers import Judged
from eval.oracles.state import State, look
from eval.protocols import Environment, Fault

Part = Callable[[Environment], Awaitable[str]]
"""Says what is wrong, "" when nothing is."""

_PATIENCE = 420.0
_SUSTAIN = 60.0
_STEP = 20.0
_ALERT_PATIENCE = 900.0


def cause_gone(faults: Sequence[tuple[Fault, str]]) -> Part:
    """Each fault's own cause, whoever took it away and however."""

    async def part(environment: Environment) -> str:
        for fault, target in faults:
            if not await fault.cured(environment, target):
                return f"{fault.kind} on {target} is still there"
        return ""

    return part


def users_served() -> Part:
    """The workload: users' requests succeed as they did."""

    async def part(environment: Environment) -> str:
        return "" if await environment.healthy() else "users' requests fail"

    return part


def nothing_lost(before: State) -> Part:
    """Workloads, endpoints and objects that were well are well."""

    async def part(environment: Environment) -> str:
        lost = before.lost(await look(environment))
        return "; ".join(lost[:3])

    return part


def no_new_alerts(before: frozenset[str]) -> Part:
    """No alert fires that did not fire before the fault."""

    async def part(environment: Environment) -> str:
        new = await firing(environment) - before
        return f"fires: {', '.join(sorted(name.split()[0] for name in new))}" if new else ""

    return part


async def repaired_strict(
    environment: Environment, faults: Sequence[tuple[Fault, str]], before: State
) -> Judged:
    """Wait for all parts, for as long as a right repair may need, and see them stay content."""
    parts = (cause_gone(faults), users_served(), nothing_lost(before))
    if wrong := await cause_gone(faults)(environment):
        # a cause that nobody took away does not go by waiting, but pods may still be starting
        await environment.clock.sleep(_PATIENCE / 2)
        wrong = await cause_gone(faults)(environment)
        if wrong:
            return Judged(False, wrong)
    wrong = await hold(environment, parts, patience=_PATIENCE, sustain=_SUSTAIN)
    if not wrong:
        quiet = (no_new_alerts(before.alerts),)
        wrong = await hold(environment, quiet, patience=_ALERT_PATIENCE, sustain=0)
    return Judged(not wrong, wrong or "cured, users served, nothing lost, no alert")


async def hold(
    environment: Environment, parts: Sequence[Part], *, patience: float, sustain: float
) -> str:
    """Wait until all parts are content for `sustain` seconds in a row; "" or what is wrong at last."""
    waited, well = 0.0, -1.0
    while True:
        wrong = ""
        for part in parts:
            wrong = wrong or await part(environment)
        well = -1.0 if wrong else max(0.0, well + _STEP if well >= 0 else 0.0)
        if well >= sustain:
            return ""
        if waited >= patience and wrong:
            return wrong
        if waited >= patience + sustain:
            return wrong or "it does not stay well"
        await environment.clock.sleep(_STEP)
        waited += _STEP
