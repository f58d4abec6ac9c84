"""Shorthands for changes of the target's pod template, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.values import Json
from eval.apps.model import Call
from eval.faults.case import Case, pod_spec
from eval.faults.changes import Edit
from eval.faults.fits import made
from eval.faults.symptoms import errors, no_endpoints
from eval.protocols import Symptom

Change = Callable[[Json], object]


def container(
    case: Case,
    change: Change,
    *,
    fresh: bool = False,
    exact: bool = False,
    accepts: Callable[[Json], bool] | None = None,
) -> Edit:
    """Change the target's container in its workload's template."""
    return Edit(
        case.kind,
        case.target,
        lambda item: void(change(case.main(item))),
        fresh=fresh,
        exact=exact,
        accepts=accepts,
    )


def spec(case: Case, change: Change, *, fresh: bool = False, exact: bool = False) -> Edit:
    """Change the pod spec in the target's workload's template."""
    return Edit(
        case.kind,
        case.target,
        lambda item: void(change(pod_spec(item))),
        fresh=fresh,
        exact=exact,
    )


def void(value: object) -> None:
    """Forget a value."""


def users_fail(case: Case) -> Symptom:
    """The users' requests fail."""
    return errors(f"{case.client}->{case.app.entry}")


def edge(case: Case) -> str:
    """The edge on which the target's failure shows: from who calls it most, or from the users."""
    callers = [name for name in case.callers if name != case.target]
    if not callers:
        return f"{case.client}->{case.app.entry}"
    busiest = max(
        callers, key=lambda name: made(case.app, lambda who, to: _is(who, to, name, case))
    )
    return f"{busiest}->{case.target}"


def _is(who: str, call: Call, caller: str, case: Case) -> bool:
    return who == caller and call.to == case.target


def down(case: Case) -> tuple[Symptom, ...]:
    """Nothing of the target serves: no endpoints, and users notice."""
    listed = (no_endpoints(case.target),) if case.service.ports else ()
    return (*listed, users_fail(case))
