"""describe_resource: one object, what is wrong with it first."""

from __future__ import annotations

import copy
from typing import Annotated, Any

import yaml

from connectors.api.errors import SourceMissing
from connectors.api.values import Json
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft, Objects, kubectl
from copilot.tools.events import grouped, happening
from copilot.tools.kube_words import WORKLOADS, name_of, ref_of
from copilot.tools.names import CLUSTER_WIDE, canonical_kind, kinds, nearest
from copilot.tools.redact import placeholder, redact_value, sensitive_name
from copilot.tools.registry import tool
from copilot.tools.resources import row
from copilot.tools.targets import inventory

_NOISE = ("managedFields", "uid", "resourceVersion", "selfLink", "generateName")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@tool
async def describe_resource(
    context: Context,
    kind: Annotated[str, "Kind such as Deployment, Pod, Service, NetworkPolicy, Node"],
    name: Annotated[str, "Name of the object"],
    namespace: Annotated[str, "Namespace; may be left out when the investigation has one"] = "",
) -> Draft:
    """One object in full: its problems, its recent events, its pods, then its definition.

    Values of secrets are masked; a Secret is shown without its data.
    """
    proper = canonical_kind(kind)
    place = "" if proper in CLUSTER_WIDE else context.namespace(namespace)
    plain = name.strip().rpartition("/")[2]
    try:
        item = await context.cluster.get(proper, place, plain)
    except SourceMissing as error:
        raise await _absent(context, proper, plain, place, str(error)) from None
    caveats: list[str] = []
    pods = await context.try_list("Pod", place, caveats) if place else None
    problem, line = row(item, context.now, pods)
    lines = [f"{proper} {line}", "" if problem else "It reports no problem of its own."]
    lines += await _pods(context, item, place, caveats)
    lines += await _events(context, item, place, caveats)
    lines += ["Definition:", definition(item)]
    query = kubectl((place,) if place else (), f"get {proper.lower()} {plain} -o yaml")
    return Draft(
        Source.KUBERNETES,
        query,
        "\n".join(part for part in lines if part),
        objects=(ref_of(item),),
        caveats=tuple(caveats),
    )


async def _absent(
    context: Context, kind: str, name: str, place: str, reason: str
) -> CorrectYourCall:
    try:
        there = [name_of(item) for item in await context.list(kind, place)]
    except CorrectYourCall:
        return CorrectYourCall(reason, nearest(kind, kinds()))
    where = f" in namespace {place}" if place else ""
    listed = ", ".join(sorted(there)[:30]) or "none at all"
    return CorrectYourCall(
        f'There is no {kind} "{name}"{where}. There are: {listed}.', nearest(name, there)
    )


async def _pods(context: Context, item: Json, place: str, caveats: list[str]) -> list[str]:
    if item.get("kind") not in (*WORKLOADS, "Service"):
        return []
    try:
        target = (await inventory(context, place)).find(name_of(item))
    except NotAvailable as error:
        caveats.append(f"its pods not seen: {error}")
        return []
    if target is None:
        return []
    rows = sorted((not bad, text) for bad, text in (row(p, context.now) for p in target.pods))
    shown = [f"  {text}" for _, text in rows[:8]]
    return [f"Pods ({len(rows)}):", *shown] if rows else ["Pods: none"]


async def _events(context: Context, item: Json, place: str, caveats: list[str]) -> list[str]:
    if not place:
        return []
    events = await context.try_list("Event", place, caveats)
    about = [happening(event) for event in events or []]
    mine = [event for event in about if event.object.name == name_of(item)]
    return ["Events:", *(f"  {line}" for line in grouped(mine, context.now)[:6])] if mine else []


def definition(item: Json) -> str:
    """Return an object as YAML without what the server adds for itself, secrets masked."""
    clean = copy.deepcopy(item)
    metadata = clean.get("metadata") or {}
    for key in _NOISE:
        metadata.pop(key, None)
    annotations = metadata.get("annotations") or {}
    annotations.pop(_APPLIED, None)
    if not annotations:
        metadata.pop("annotations", None)
    masked = _masked(clean)
    return str(yaml.safe_dump(masked, sort_keys=False, width=200, allow_unicode=True)).rstrip()


def _masked(value: Any) -> Any:
    """Mask what a name gives away: env entries, keys of maps, options followed by their value."""
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and isinstance(value.get("value"), str):
            return {**value, "value": redact_value(value["name"], value["value"])}
        return {
            key: redact_value(key, item)
            if isinstance(item, str) and key != "secretName"
            else _masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_option(value, index) for index in range(len(value))]
    return value


def _option(values: Objects | list[Any], index: int) -> Any:
    item, before = values[index], values[index - 1] if index else None
    follows = isinstance(before, str) and before.startswith("-") and "=" not in before
    if isinstance(item, str) and follows and sensitive_name(str(before)):
        return placeholder("password", item)
    return _masked(item)
