"""From a root cause to what users see, through the app's call graph."""

from __future__ import annotations

from collections import deque

from copilot.model.scope import ObjectRef
from eval.apps.model import App
from eval.faults.case import Case
from eval.protocols import Link

_SEEN = {
    "errors": "requests fail",
    "slow": "requests take longer",
    "some": "some requests fail or take longer",
}


def way_to(app: App, target: str) -> list[str]:
    """Return the services on the shortest way of a user's request to the target, the entry first.

    Empty when no request leads there.
    """
    queue = deque([[app.entry]])
    seen = {app.entry}
    while queue:
        path = queue.popleft()
        if path[-1] == target:
            return path
        service = app.services[path[-1]]
        for name in dict.fromkeys(
            [call.to for call in service.calls() if not call.optional] + list(service.logins)
        ):
            if name not in seen:
                seen.add(name)
                queue.append([*path, name])
    return []


def chain(case: Case, root: ObjectRef, cause: str, effect: str, harm: str) -> tuple[Link, ...]:
    """Return the causal chain of a fault."""
    links = [Link(root, cause)]
    if effect:
        links.append(Link(case.workload, effect))
    if harm:
        for name in reversed(way_to(case.app, case.target)[:-1]):
            links.append(Link(case.workload_of(name), _SEEN[harm]))
    return tuple(dict.fromkeys(links))
