"""get_changes: what was changed, when, and by whom as far as the cluster remembers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated

from connectors.api.errors import ConnectorError, SourceForbidden
from connectors.api.protocols import ChangeSource
from connectors.api.values import Delivery, Json
from copilot.model.errors import NotAvailable
from copilot.model.evidence import Source
from copilot.model.history import Seen
from copilot.model.scope import ObjectRef
from copilot.tools.context import Context, Draft, Objects, kubectl
from copilot.tools.events import happening
from copilot.tools.kube_words import ago, created, instant, name_of, ref_of
from copilot.tools.past import Past, since
from copilot.tools.redact import redact_value
from copilot.tools.registry import tool
from copilot.tools.targets import resolve
from copilot.tools.wrap import told as told_of

_CREATED, _ECHOES = "created", ("Scaled ", "written by ")
# Kept in every namespace by the cluster itself.
_STANDARD = ("kube-root-ca.crt", "kubernetes")
_REVISION = "deployment.kubernetes.io/revision"
_KINDS = (
    *("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ControllerRevision", "Service"),
    *("ConfigMap", "Secret", "NetworkPolicy", "HorizontalPodAutoscaler", "ResourceQuota"),
    *("LimitRange", "PersistentVolumeClaim", "Ingress", "Event"),
)
_QUIET = ("ReplicaSet", "ControllerRevision", "Event")
# Field managers that report state instead of changing anything.
_REPORTERS = ("kube-controller-manager", "kubelet", "kube-scheduler", "kube-apiserver")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object. `time` is None when only its fact is known."""

    time: datetime | None
    object: ObjectRef
    text: str
    names: tuple[str, ...] = ()
    """What else it may have changed."""


@tool
async def get_changes(
    context: Context,
    namespace: Annotated[str, "Namespace; empty for all of the investigation's"] = "",
    service: Annotated[str, "Only changes of this service and its workload"] = "",
    since_minutes: Annotated[int, "Only the last N minutes; 0 for window and baseline"] = 0,
) -> Draft:
    """What changed lately, newest first: rollouts with what differs (image, env, resources,
    probes, command), scaling, edited, new and vanished objects, with times and who wrote, and what
    they were when an earlier look found all well; and what the delivery systems did where they are
    connected (Helm releases, Argo CD syncs, deployments of GitHub and GitLab).

    Most incidents follow a change: compare these times with the onset of the symptom.
    """
    spaces = context.namespaces(namespace)
    only = None
    if service:
        target = await resolve(context, service, namespace)
        spaces, only = (target.namespace,), {item.name for item in target.objects} | {target.name}
    since = (
        context.now - timedelta(minutes=since_minutes)
        if since_minutes > 0
        else context.scope.window.baseline_start
    )
    caveats: list[str] = []
    changes: list[Change] = []
    told = asyncio.gather(*(_told(context, one, since, spaces) for one in context.sources.changes))
    try:
        with told_of("read what the cluster's own objects tell"):
            changes = await context.within(_own(context, spaces, caveats), "kubernetes", 0.7)
    except NotAvailable as error:
        # What delivered is worth telling even when the cluster does not answer.
        if not (changes := _delivered(await told, caveats)):
            raise
        caveats.append(f"the cluster's own objects were not seen: {error}")
    else:
        changes += _delivered(await told, caveats)
    finally:
        told.cancel()
    kept = [
        item
        for item in changes
        if (item.time is None or item.time >= since)
        and (only is None or only & {item.object.name, *item.names})
    ]
    kept = _without_echoes(kept)
    kept.sort(key=lambda item: item.time.timestamp() if item.time else 0.0, reverse=True)
    older = sorted((i.time for i in changes if i.time and i.time < since), reverse=True)
    lines = _lines(kept, context.now)
    if not lines:
        last = (
            f"; the last change before that was {ago(older[0], context.now)} ago" if older else ""
        )
        where = f"of {service} " if service else ""
        lines = [
            f"No change {where}is recorded in {', '.join(spaces)} since {since:%H:%M:%S}{last}."
        ]
    return Draft(
        Source.CHANGES,
        kubectl(spaces, "get deploy,rs,svc,cm,networkpolicy,events --show-managed-fields -o yaml"),
        "\n".join(lines),
        objects=tuple(dict.fromkeys(item.object for item in kept))[:20],
        caveats=tuple(caveats),
        start=since,
        end=context.now,
    )


async def _own(context: Context, spaces: tuple[str, ...], caveats: list[str]) -> list[Change]:
    """Return what the cluster's own objects tell, and how they differ from what earlier looks found."""
    history = context.sources.history
    seen = await history.seen(replace(context.scope, namespaces=spaces)) if history else ()
    found: list[Change] = []
    for space in spaces:
        lists = await context.try_lists(_KINDS, space, caveats)
        found += collect(lists)
        found += _drifted(
            [one for one in seen if one.object.namespace == space], lists, context.now
        )
    return found


def _drifted(seen: list[Seen], lists: dict[str, Objects], now: datetime) -> list[Change]:
    there = {ref_of(item): item for items in lists.values() for item in items}
    past = Past(seen, there.get, lists.__contains__)
    found = [
        Change(None, one.object, f"there {since(one, now)}, and gone now") for one in past.gone()
    ]
    for one in past.changed():
        lines = past.differences(one)
        if lines:
            text = f"not as it was {since(one, now)}: {'; '.join(lines[:4])}"
            found.append(Change(None, one.object, text))
    return found


async def _told(
    context: Context, source: ChangeSource, since: datetime, spaces: tuple[str, ...]
) -> tuple[list[Delivery], str]:
    """Return what a delivery system did, or why it could not be asked."""
    try:
        asked = source.changes(since, context.now, spaces)
        return await context.within(asked, source.name, 0.8), ""
    except SourceForbidden as error:
        return [], f"forbidden, which does not mean that nothing was delivered: {error}"
    except ConnectorError as error:
        return [], f"not asked for deliveries: {error}"


def _delivered(told: list[tuple[list[Delivery], str]], caveats: list[str]) -> list[Change]:
    caveats += [why for _, why in told if why]
    return [
        Change(
            one.time,
            ObjectRef(*_kind_and_name(one.object, one.namespace)),
            one.text
            + (f" (by {one.author})" if one.author else "")
            + (f" {one.url}" if one.url else ""),
            one.names,
        )
        for deliveries, _ in told
        for one in deliveries
    ]


def _kind_and_name(text: str, namespace: str) -> tuple[str, str, str]:
    kind, _, name = text.partition(" ")
    return kind.capitalize(), namespace, name or text


def collect(objects: dict[str, Objects]) -> list[Change]:
    """Return all changes that the objects of one namespace tell of."""
    found: list[Change] = []
    for deployment in objects.get("Deployment", []):
        found += rollouts(deployment, objects.get("ReplicaSet", []))
    for kind in ("StatefulSet", "DaemonSet"):
        for item in objects.get(kind, []):
            found += _revisions(item, objects.get("ControllerRevision", []))
    for kind, items in objects.items():
        if kind not in _QUIET:
            for item in items:
                found += _writes(item) if name_of(item) not in _STANDARD else []
    for event in map(happening, objects.get("Event", [])):
        if event.reason == "ScalingReplicaSet":
            found.append(Change(event.last, event.object, event.message))
    return found


def rollouts(deployment: Json, replica_sets: Objects) -> list[Change]:
    """Return a Deployment's revisions, each with how its pod template differs from the one before."""
    uid = deployment["metadata"].get("uid")
    mine = [
        item
        for item in replica_sets
        if any(o.get("uid") == uid for o in item["metadata"].get("ownerReferences") or [])
    ]
    mine.sort(key=_revision)
    found = []
    for before, after in pairwise(mine):
        when, created_at = created(after), created(before)
        if when and created_at and when < created_at:
            # A roll-back reuses the old ReplicaSet: its age says nothing about the change.
            when = _progressed(deployment)
        differences = differing(_pod_spec(before), _pod_spec(after)) or ["the same pod template"]
        text = f"rolled out revision {_revision(after)}: {'; '.join(differences)}"
        found.append(Change(when, ref_of(deployment), text))
    return found


def differing(before: Json, after: Json) -> list[str]:
    """Return in words how two pod specs differ."""
    found: list[str] = []
    for key in ("initContainers", "containers"):
        old = {item["name"]: item for item in before.get(key) or []}
        new = {item["name"]: item for item in after.get(key) or []}
        found += [f"container {name} removed" for name in old if name not in new]
        found += [f"container {name} added" for name in new if name not in old]
        for name in (name for name in new if name in old):
            found += [f"{name}: {text}" for text in _container(old[name], new[name])]
    for key in sorted({*before, *after} - {"initContainers", "containers"}):
        if before.get(key) != after.get(key):
            found.append(f"{key}: {_short(before.get(key))} → {_short(after.get(key))}")
    return found


def _container(before: Json, after: Json) -> list[str]:
    found = []
    for key in sorted({*before, *after} - {"env", "name"}):
        if before.get(key) != after.get(key):
            found.append(f"{key}: {_short(before.get(key))} → {_short(after.get(key))}")
    old = {item["name"]: item for item in before.get("env") or []}
    new = {item["name"]: item for item in after.get("env") or []}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            found.append(f"env {name}: {_env(old.get(name))} → {_env(new.get(name))}")
    return found


def _env(item: Json | None) -> str:
    if item is None:
        return "unset"
    if "valueFrom" in item:
        return _short(item["valueFrom"])
    return _short(redact_value(item["name"], str(item.get("value", ""))))


def _revisions(item: Json, revisions: Objects) -> list[Change]:
    uid = item["metadata"].get("uid")
    mine = [
        revision
        for revision in revisions
        if any(o.get("uid") == uid for o in revision["metadata"].get("ownerReferences") or [])
    ]
    mine.sort(key=lambda revision: int(revision.get("revision", 0)))
    found = []
    for before, after in pairwise(mine):
        specs = [_of_patch(before), _of_patch(after)]
        text = "; ".join(differing(*specs)) or "the same pod template"
        found.append(
            Change(created(after), ref_of(item), f"rolled out revision {after['revision']}: {text}")
        )
    return found


def _of_patch(revision: Json) -> Json:
    spec = (revision.get("data") or {}).get("spec") or {}
    return (spec.get("template") or {}).get("spec") or {}


def _writes(item: Json) -> list[Change]:
    """Return an object's creation and the last write of each who changed more than its status."""
    metadata, reference = item.get("metadata") or {}, ref_of(item)
    born = created(item)
    found = [Change(born, reference, _CREATED)]
    for entry in metadata.get("managedFields") or []:
        fields = entry.get("fieldsV1") or {}
        when, manager = instant(entry.get("time")), str(entry.get("manager", "somebody"))
        named = [part for part in _fields(fields) if not part.startswith("status")]
        if not named or entry.get("subresource") == "status" or manager in _REPORTERS:
            continue
        if when and born and when - born > timedelta(seconds=2):
            text = f"written by {manager}, which owns {', '.join(named[:8])}"
            found.append(Change(when, reference, text + (" and more" if len(named) > 8 else "")))
    if reference.kind != "Deployment" and int(metadata.get("generation") or 1) > 1:
        found.append(
            Change(None, reference, f"its spec was changed {metadata['generation'] - 1}× so far")
        )
    return found if len(found) < 3 or found[-1].time else found[:-1]


def _fields(fields: Json) -> list[str]:
    """Name the fields of a managed set, two levels deep: "spec.replicas", "data.config"."""
    found = []
    for top, inner in fields.items():
        outer = top.removeprefix("f:")
        if outer == "metadata":
            continue
        names = [key.removeprefix("f:") for key in inner if key.startswith("f:")]
        found += [f"{outer}.{name}" for name in names] or [outer]
    return found


def _revision(item: Json) -> int:
    return int((item["metadata"].get("annotations") or {}).get(_REVISION, 0))


def _progressed(deployment: Json) -> datetime | None:
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Progressing":
            return instant(condition.get("lastUpdateTime"))
    return None


def _pod_spec(item: Json) -> Json:
    return ((item.get("spec") or {}).get("template") or {}).get("spec") or {}


def _short(value: object) -> str:
    text = "unset" if value is None else " ".join(str(value).split())
    return text if len(text) <= 160 else text[:159] + "…"


def _without_echoes(changes: list[Change]) -> list[Change]:
    """Leave out what a roll-out or a creation brings with it by itself: scaling, the write."""
    own = [item for item in changes if item.time and not item.text.startswith(_ECHOES)]
    return [
        item
        for item in changes
        if not item.text.startswith(_ECHOES)
        or not any(
            other.object == item.object
            and other.time
            and item.time
            and timedelta(seconds=-2) <= item.time - other.time <= _echo(item)
            for other in own
        )
    ]


def _echo(item: Change) -> timedelta:
    """Return how long after its cause a change still belongs to it."""
    return timedelta(seconds=120 if item.text.startswith("Scaled ") else 3)


def _lines(changes: list[Change], now: datetime) -> list[str]:
    """Return one line per change; objects created together share one."""
    lines: list[str] = []
    together: list[Change] = []
    for item in changes:
        if together and not (
            item.text == _CREATED
            and item.time
            and together[0].time
            and together[0].time - item.time <= timedelta(seconds=10)
        ):
            lines.append(_created(together, now))
            together = []
        if item.text == _CREATED and item.time:
            together.append(item)
        else:
            lines.append(_line(item, now))
    return [*lines, _created(together, now)] if together else lines


def _created(together: list[Change], now: datetime) -> str:
    if len(together) == 1:
        return _line(together[0], now)
    names = ", ".join(f"{item.object.kind} {item.object.name}" for item in together[:25])
    more = f" and {len(together) - 25} more" if len(together) > 25 else ""
    return f"{_when(together[-1], now)} created {len(together)} objects: {names}{more}"


def _when(item: Change, now: datetime) -> str:
    return f"{item.time:%H:%M:%S} ({ago(item.time, now)} ago)" if item.time else "at some time"


def _line(item: Change, now: datetime) -> str:
    where = f"{item.object.namespace}/" if item.object.namespace else ""
    return f"{_when(item, now)} {item.object.kind} {where}{item.object.name}: {item.text}"
