"""What each typed action does to the cluster, computed from the live object.

Every write is a JSON patch whose `test` operations hold it to the state that was approved: when the
object has changed meanwhile, the API server itself refuses. Every write has an inverse.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connectors.api.protocols import ClusterReader
from connectors.api.values import Json
from copilot.mitigation import accounts
from copilot.model.action import (
    Action,
    CreateObject,
    DeleteObject,
    Manual,
    PatchServicePort,
    RemoveNodeSelector,
    ReplaceObject,
    Restart,
    RollBack,
    Scale,
    SetField,
    SetImage,
    Single,
    StoreAccount,
    parts,
)
from copilot.model.errors import ActionError, PolicyError
from copilot.model.scope import ObjectRef
from copilot.tools.manifests import OF_SERVER

CREATE, DELETE, REPLACE = "create-object", "delete-object", "replace-object"
"""Operations beside those of RFC 6902; `value` of the first and the last is the manifest."""
RUN = "run-command"
"""Another: runs `command` in `container` of a pod with the labels `labels`; see `copilot.mitigation.accounts`."""
_NOT_MADE = OF_SERVER | {"ownerReferences"}
_TEMPLATE = "/spec/template"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Plan:
    """A write and its inverse, both JSON patches of `object`; `before` is the object as read.

    A patch of the single operation `CREATE`, `DELETE` or `REPLACE` is about the object as a whole.
    """

    object: ObjectRef
    do: list[Json]
    undo: list[Json]
    before: Json


async def plans(action: Action, reader: ClusterReader, now: datetime) -> list[Plan]:
    """Compute what each part of `action` would change, in order. Raises `ActionError`."""
    return [await plan(part, reader, now) for part in parts(action)]


async def plan(action: Single | Manual, reader: ClusterReader, now: datetime) -> Plan:
    """Compute what `action` would change. Raises `ActionError` when it does not fit the object."""
    if isinstance(action, Manual):
        raise PolicyError(
            f"this one is for a person: {action.instructions}", hint="there is nothing to apply"
        )
    if isinstance(action, CreateObject):
        return _create(action)
    before = await reader.get(action.object.kind, action.object.namespace, action.object.name)
    if isinstance(action, DeleteObject):
        again = {"op": CREATE, "value": manifest_of(before)}
        return Plan(action.object, [{"op": DELETE}], [again], before)
    if isinstance(action, ReplaceObject):
        return _replace(action, before)
    if isinstance(action, StoreAccount):
        return _account(action, before)
    make: Callable[[Any, Json, ClusterReader, datetime], Awaitable[tuple[list[Json], list[Json]]]]
    make = _MAKERS[type(action)]
    do, undo = await make(action, before, reader, now)
    return Plan(action.object, do, undo, before)


async def _service_port(
    action: PatchServicePort, before: Json, _reader: ClusterReader, _now: datetime
) -> tuple[list[Json], list[Json]]:
    for index, port in enumerate(before["spec"].get("ports", [])):
        if port["port"] == action.port:
            path = f"/spec/ports/{index}/targetPort"
            return _swap(path, port.get("targetPort", port["port"]), action.target_port)
    ports = ", ".join(str(port["port"]) for port in before["spec"].get("ports", []))
    raise ActionError(f"{action.object} has no port {action.port}", hint=f"its ports are: {ports}")


async def _image(
    action: SetImage, before: Json, _reader: ClusterReader, _now: datetime
) -> tuple[list[Json], list[Json]]:
    containers = _template(action.object, before)["spec"]["containers"]
    for index, container in enumerate(containers):
        if container["name"] == action.container:
            path = f"{_TEMPLATE}/spec/containers/{index}/image"
            return _swap(path, container["image"], action.image)
    names = ", ".join(container["name"] for container in containers)
    raise ActionError(
        f"{action.object} has no container {action.container!r}",
        hint=f"its containers are: {names}",
    )


async def _roll_back(
    action: RollBack, before: Json, reader: ClusterReader, _now: datetime
) -> tuple[list[Json], list[Json]]:
    if action.object.kind != "Deployment":
        raise ActionError(f"only a Deployment can be rolled back, not {action.object}")
    uid = before["metadata"]["uid"]
    revisions: dict[int, Json] = {}
    for replica_set in await reader.list("ReplicaSet", action.object.namespace):
        owners = replica_set["metadata"].get("ownerReferences", [])
        number = replica_set["metadata"].get("annotations", {}).get(_REVISION, "")
        if number.isdigit() and any(owner["uid"] == uid for owner in owners):
            revisions[int(number)] = replica_set
    current = int(
        before["metadata"].get("annotations", {}).get(_REVISION, max(revisions, default=0))
    )
    earlier = sorted(number for number in revisions if number < current)
    wanted = action.revision or (earlier[-1] if earlier else 0)
    if wanted not in revisions or wanted == current:
        raise ActionError(
            f"{action.object} has no earlier revision {action.revision or ''}".rstrip(),
            hint=f"its revisions are: {', '.join(map(str, sorted(revisions))) or 'none'}",
        )
    template = _without_hash(revisions[wanted]["spec"]["template"])
    old = before["spec"]["template"]
    # The whole template is replaced, so the guard is the object's generation.
    guard = _test("/metadata/generation", before["metadata"]["generation"])
    return (
        [guard, {"op": "replace", "path": _TEMPLATE, "value": template}],
        [{"op": "replace", "path": _TEMPLATE, "value": old}],
    )


async def _scale(
    action: Scale, before: Json, _reader: ClusterReader, _now: datetime
) -> tuple[list[Json], list[Json]]:
    return _swap("/spec/replicas", before["spec"].get("replicas", 1), action.replicas)


async def _restart(
    action: Restart, before: Json, _reader: ClusterReader, now: datetime
) -> tuple[list[Json], list[Json]]:
    metadata = _template(action.object, before).get("metadata", {})
    annotations = metadata.get("annotations")
    stamp = now.isoformat(timespec="seconds")
    base = f"{_TEMPLATE}/metadata/annotations"
    if annotations is None:
        return (
            [{"op": "add", "path": base, "value": {_RESTARTED: stamp}}],
            [{"op": "remove", "path": base}],
        )
    path = f"{base}/{_escape(_RESTARTED)}"
    if _RESTARTED in annotations:
        return _swap(path, annotations[_RESTARTED], stamp)
    return ([{"op": "add", "path": path, "value": stamp}], [{"op": "remove", "path": path}])


async def _node_selector(
    action: RemoveNodeSelector, before: Json, _reader: ClusterReader, _now: datetime
) -> tuple[list[Json], list[Json]]:
    selector = _template(action.object, before)["spec"].get("nodeSelector", {})
    if action.key not in selector:
        raise ActionError(
            f"{action.object} has no node selector {action.key!r}",
            hint=f"its node selector is: {selector or 'empty'}",
        )
    path = f"{_TEMPLATE}/spec/nodeSelector"
    if len(selector) == 1:
        # The API server drops an empty selector, and then its key could not be put back.
        return (
            [_test(path, selector), {"op": "remove", "path": path}],
            [{"op": "add", "path": path, "value": selector}],
        )
    key = f"{path}/{_escape(action.key)}"
    return (
        [_test(key, selector[action.key]), {"op": "remove", "path": key}],
        [{"op": "add", "path": key, "value": selector[action.key]}],
    )


async def _field(
    action: SetField, before: Json, _reader: ClusterReader, _now: datetime
) -> tuple[list[Json], list[Json]]:
    value = _value(action.value, action.path) if action.value else None
    path, kept = _resolve(before, action)
    if kept is _ABSENT:
        if not action.value:
            raise ActionError(f"{action.object} has no {action.path}", hint="nothing to remove")
        return [{"op": "add", "path": path, "value": value}], [{"op": "remove", "path": path}]
    if not action.value:
        return (
            [_test(path, kept), {"op": "remove", "path": path}],
            [{"op": "add", "path": path, "value": kept}],
        )
    do, undo = _swap(path, kept, value)
    outside = before.get("spec", {}).get("externalName")
    if (action.object.kind, path, kept) == ("Service", "/spec/type", "ExternalName") and outside:
        # The server takes neither without the other.
        do.append({"op": "remove", "path": "/spec/externalName"})
        undo.append({"op": "add", "path": "/spec/externalName", "value": outside})
    return do, undo


_ABSENT = object()


def _resolve(before: Json, action: SetField) -> tuple[str, object]:
    """Return the path, "-" of a list by its number, and the present value, `_ABSENT` without one."""
    here: Any = before
    parts = action.path.split("/")[1:]
    for depth, part in enumerate(parts):
        key = part.replace("~1", "/").replace("~0", "~")
        last = depth == len(parts) - 1
        if isinstance(here, list):
            if not key.isdigit() or int(key) >= len(here):
                raise ActionError(
                    f"{action.object} has no {action.path}", hint=f"{part} is not in the list"
                )
            here = here[int(key)]
        elif isinstance(here, dict) and key in here:
            here = here[key]
        elif isinstance(here, dict) and last:
            return action.path, _ABSENT
        else:
            raise ActionError(
                f"{action.object} has no {'/'.join(['', *parts[: depth + 1]])}",
                hint="set the part above it as a whole",
            )
    return action.path, here


def _replace(action: ReplaceObject, before: Json) -> Plan:
    bound = before.get("spec", {}).get("volumeName") or before.get("status", {}).get("phase")
    if bound not in (None, "", "Pending"):
        raise ActionError(
            f"{action.object} is bound, and its data would be lost",
            hint="only a claim without a volume is replaced",
        )
    do: Json = {"op": REPLACE, "value": _manifest(action)}
    return Plan(action.object, [do], [{"op": REPLACE, "value": manifest_of(before)}], before)


def _account(action: StoreAccount, before: Json) -> Plan:
    labels = before.get("spec", {}).get("selector", {}).get("matchLabels") or {}
    names = [c["name"] for c in _template(action.object, before)["spec"]["containers"]]
    if not labels or action.container not in names:
        raise ActionError(
            f"{action.object} has no container {action.container!r}",
            hint=f"its containers are: {', '.join(names)}",
        )
    given = accounts.commands(action)
    about = {"op": RUN, "labels": labels, "container": action.container}
    do = {
        **about,
        "command": list(given.do),
        "look": list(given.look),
        "value": asdict(action) | {"object": asdict(action.object)},
    }
    undo = {**about, "command": list(given.undo)}
    return Plan(action.object, [do], [undo], accounts.shown(action, has=False))


def _manifest(action: CreateObject | ReplaceObject) -> Json:
    body = _value(action.manifest, "the manifest")
    named = isinstance(body, dict) and (
        body.get("kind"), body.get("metadata", {}).get("name")
    ) == (action.object.kind, action.object.name)  # fmt: skip
    if not named or not isinstance(body, dict):
        raise ActionError(f"the manifest is not that of {action.object}")
    return {**body, "metadata": {**body["metadata"], "namespace": action.object.namespace}}


def _create(action: CreateObject) -> Plan:
    body = _manifest(action)
    nothing = {"kind": action.object.kind, "metadata": {"name": action.object.name}}
    return Plan(action.object, [{"op": CREATE, "value": body}], [{"op": DELETE}], nothing)


def _value(text: str, what: str) -> object:
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise ActionError(f"{what}: the value is not JSON: {error}") from None
    return found


def manifest_of(body: Json) -> Json:
    """Return an object as it can be created again."""
    metadata = {k: v for k, v in body.get("metadata", {}).items() if k not in _NOT_MADE}
    return {**{k: v for k, v in body.items() if k != "status"}, "metadata": metadata}


_MAKERS: dict[type, Callable[..., Awaitable[tuple[list[Json], list[Json]]]]] = {
    PatchServicePort: _service_port,
    SetImage: _image,
    RollBack: _roll_back,
    Scale: _scale,
    Restart: _restart,
    RemoveNodeSelector: _node_selector,
    SetField: _field,
}


def _template(object: ObjectRef, before: Json) -> Json:
    template = before.get("spec", {}).get("template")
    if not isinstance(template, dict):
        raise ActionError(f"{object} has no pod template")
    return template


def _swap(path: str, old: object, new: object) -> tuple[list[Json], list[Json]]:
    return (
        [_test(path, old), {"op": "replace", "path": path, "value": new}],
        [_test(path, new), {"op": "replace", "path": path, "value": old}],
    )


def _test(path: str, value: object) -> Json:
    return {"op": "test", "path": path, "value": value}


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _without_hash(template: Json) -> Json:
    metadata = dict(template.get("metadata", {}))
    labels = {k: v for k, v in metadata.get("labels", {}).items() if k != "pod-template-hash"}
    return {**template, "metadata": {**metadata, "labels": labels}}
