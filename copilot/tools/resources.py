"""list_resources: what there is, what is wrong first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from connectors.api.values import Json
from copilot.model.errors import CorrectYourCall
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft, Objects, kubectl
from copilot.tools.kube_words import (
    WORKLOADS,
    ago,
    created,
    matches,
    name_of,
    pod_problems,
    pod_state,
    ready,
    ref_of,
    restarts,
    selector_text,
    workload_numbers,
    workload_problems,
)
from copilot.tools.names import CLUSTER_WIDE, canonical_kind, kinds, nearest
from copilot.tools.registry import tool

_OVERVIEW = (*WORKLOADS, "Pod", "Service")


@tool
async def list_resources(
    context: Context,
    kind: Annotated[str, "Kind such as Pod, Deployment, Service, Node; empty for an overview"] = "",
    namespace: Annotated[str, "Namespace; empty for all of the investigation's"] = "",
    labels: Annotated[str, "Label selector such as app=cart,tier!=web"] = "",
) -> Draft:
    """Objects of a kind with their state, unhealthy ones first; without a kind, an overview.

    Works for every kind that the cluster serves, custom resources too.
    """
    spaces = context.namespaces(namespace)
    if not kind:
        return await _overview(context, spaces)
    proper = canonical_kind(kind)
    places = ("",) if proper in CLUSTER_WIDE else spaces
    items: Objects = []
    for place in places:
        try:
            items += (
                await context.select(proper, place, labels)
                if labels
                else await context.list(proper, place)
            )
        except CorrectYourCall as error:
            near = () if proper in kinds() else nearest(proper, kinds())
            raise CorrectYourCall(str(error), near) from None
    words = [f"get {proper.lower()}"] + ([f"-l '{labels}'"] if labels else [])
    query = kubectl(() if proper in CLUSTER_WIDE else places, *words)
    if not items:
        where = f" in namespace {', '.join(places)}" if places != ("",) else ""
        which = f" with the labels {labels}" if labels else ""
        return Draft(Source.KUBERNETES, query, f"There is no {proper}{which}{where}.")
    return await _listing(context, proper, places, items, query)


async def _listing(
    context: Context, kind: str, places: tuple[str, ...], items: Objects, query: str
) -> Draft:
    where = f" in namespace {', '.join(places)}" if places != ("",) else ""
    pods: Objects | None = None
    caveats: list[str] = []
    if kind == "Service":
        lists = [await context.try_list("Pod", place, caveats) for place in places]
        pods = None if caveats else [pod for part in lists for pod in part or []]
    rows = [row(item, context.now, pods) for item in items]
    rows.sort(key=lambda entry: (not entry[0], entry[1]))
    bad = sum(problem for problem, _ in rows)
    head = f"{len(items)} {kind}{where}, {bad} with problems"
    text = "\n".join([head, *(line for _, line in rows)])
    wrong = tuple(ref_of(item) for item in items if row(item, context.now, pods)[0])
    return Draft(Source.KUBERNETES, query, text, objects=wrong[:20], caveats=tuple(caveats))


async def _overview(context: Context, spaces: tuple[str, ...]) -> Draft:
    caveats: list[str] = []
    lines: list[str] = []
    objects = []
    for space in spaces:
        lists = await context.try_lists(_OVERVIEW, space, caveats)
        pods = lists.get("Pod")
        entries: list[str] = []
        counts: list[str] = []
        for kind, items in lists.items():
            rows = [(row(item, context.now, pods), item) for item in items]
            wrong = [(line, item) for (problem, line), item in rows if problem]
            if items:
                counts.append(f"{len(items)} {kind} ({len(items) - len(wrong)} healthy)")
            entries += [f"{kind} {line}" for line, _ in wrong]
            objects += [ref_of(item) for _, item in wrong]
        lines.append(f"namespace {space}: {', '.join(counts) or 'nothing seen there'}")
        lines += sorted(entries) or ["no object reports a problem"]
    query = kubectl(spaces, "get " + ",".join(kind.lower() for kind in _OVERVIEW))
    return Draft(
        Source.KUBERNETES,
        query,
        "\n".join(lines),
        objects=tuple(objects[:20]),
        caveats=tuple(caveats),
    )


def row(item: Json, now: datetime, pods: Objects | None = None) -> tuple[bool, str]:
    """Return whether an object reports a problem, and a line about it.

    `pods` are those of a Service's namespace, None when they were not seen.
    """
    kind, name, age = item.get("kind", ""), name_of(item), ago(created(item), now)
    if kind == "Pod":
        problems = pod_problems(item, now)
        node = (item.get("spec") or {}).get("nodeName", "no node")
        state = f"{pod_state(item)}, {'ready' if ready(item) else 'not ready'}"
        line = f"{name}: {state}, {restarts(item)} restarts, {age} old, on {node}"
    elif kind in WORKLOADS:
        problems = workload_problems(item)
        up, desired = workload_numbers(item)
        line = f"{name}: {up}/{desired} ready, {age} old"
    elif kind == "Service":
        problems = service_problems(item, pods) if pods is not None else []
        line = f"{name}: {_service(item)}"
    elif kind == "Node":
        problems = node_problems(item)
        line = f"{name}: {age} old"
    else:
        problems = condition_problems(item)
        phase = (item.get("status") or {}).get("phase", "")
        line = f"{name}: {phase + ', ' if phase else ''}{age} old"
    return bool(problems), line + "".join(f" | {problem}" for problem in problems)


def _service(item: Json) -> str:
    spec = item.get("spec") or {}
    ports = ", ".join(
        f"{port['port']}→{port.get('targetPort', port['port'])}" for port in spec.get("ports") or []
    )
    selector = selector_text(spec.get("selector") or {}) or "no selector"
    return f"{spec.get('type', 'ClusterIP')} ports {ports or 'none'}, selects {selector}"


def service_problems(item: Json, pods: Objects) -> list[str]:
    """Return whether a Service's selector finds pods, and ready ones."""
    selector = (item.get("spec") or {}).get("selector") or {}
    if not selector:
        return []
    space = (item.get("metadata") or {}).get("namespace")
    mine = [
        pod
        for pod in pods
        if pod["metadata"].get("namespace") == space
        and matches(selector, pod["metadata"].get("labels"))
    ]
    if not mine:
        return ["its selector matches no pod"]
    return [] if any(map(ready, mine)) else [f"none of its {len(mine)} pods is ready"]


def node_problems(item: Json) -> list[str]:
    """Return a node's conditions, taints and cordon that keep pods away."""
    found = []
    for condition in (item.get("status") or {}).get("conditions") or []:
        bad = condition["status"] != ("True" if condition["type"] == "Ready" else "False")
        if bad:
            found.append(f"{condition['type']}={condition['status']}: {condition.get('message')}")
    spec = item.get("spec") or {}
    if spec.get("unschedulable"):
        found.append("cordoned")
    for taint in spec.get("taints") or []:
        if not taint["key"].startswith("node.kubernetes.io/"):
            found.append(f"taint {taint['key']}={taint.get('value', '')}:{taint['effect']}")
    return found


def condition_problems(item: Json) -> list[str]:
    """Return what the usual conditions of any kind say is wrong."""
    status = item.get("status")
    if not isinstance(status, dict):
        return []
    found = []
    if status.get("phase") in ("Pending", "Lost", "Failed", "Released"):
        found.append(f"phase {status['phase']}")
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        kind, value = condition.get("type"), condition.get("status")
        positive = kind in (
            "Ready",
            "Available",
            "Synced",
            "Healthy",
            "AbleToScale",
            "ScalingActive",
        )
        if (positive and value == "False") or (kind in ("Failed", "Stalled") and value == "True"):
            found.append(f"{kind}={value}: {condition.get('message') or condition.get('reason')}")
    return found
