"""Endpoints and EndpointSlices: who stands behind a Service."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import (
    Key,
    finished,
    is_true,
    key_of,
    labels_of,
    owner_reference,
    rfc3339,
    terminating,
    uid_of,
)
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

_MANAGER = "endpointslice-controller.k8s.io"
Ports = tuple[tuple[str, int, str, str], ...]


class Endpoints:
    """Keeps one Endpoints object and the EndpointSlices of every Service with a selector."""

    watches = ("Service", "Pod", "Endpoints", "EndpointSlice")

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """The Service itself, or all Services that select a changed pod."""
        if change.kind != "Pod":
            key = key_of(change.last)
            if change.kind == "EndpointSlice":
                name = labels_of(change.last).get("kubernetes.io/service-name", "")
                return ((key[0], name),) if change.new is None else ()
            if change.kind == "Endpoints" and change.new is not None:
                return ()
            return (key,)
        if (
            change.old is not None
            and change.new is not None
            and _view(change.old) == _view(change.new)
        ):
            return ()
        keys: dict[Key, None] = {}
        for pod in (change.old, change.new):
            if pod is not None:
                keys.update(dict.fromkeys(self._world.index.services_of(pod)))
        return keys

    def reconcile(self, key: Key) -> None:
        """Write what the pods behind the Service are now."""
        store = self._world.store
        service = store.get("Service", *key)
        if service is None:
            if store.get("Endpoints", *key) is not None:
                store.remove("Endpoints", key)
            return
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            return
        pods = [
            pod
            for pod in self._world.index.selected(key[0], selector)
            if pod["status"].get("podIP") and not finished(pod)
        ]
        self._endpoints(service, [pod for pod in pods if not terminating(pod)])
        self._slices(service, pods)

    def _endpoints(self, service: Json, pods: list[Json]) -> None:
        key = key_of(service)
        subsets: dict[Ports, dict[str, list[Json]]] = {}
        publish = bool(service["spec"].get("publishNotReadyAddresses"))
        for pod in sorted(pods, key=lambda pod: str(pod["status"]["podIP"])):
            ports = target_ports(service, pod)
            if not ports and service["spec"].get("ports"):
                continue
            field = "addresses" if publish or is_true(pod, "Ready") else "notReadyAddresses"
            subsets.setdefault(ports, {}).setdefault(field, []).append(_address(pod))
        rendered = [
            {**subset, **({"ports": [_port(item) for item in ports]} if ports else {})}
            for ports, subset in sorted(subsets.items())
        ]
        labels = dict(labels_of(service))
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        old = self._world.store.get("Endpoints", *key)
        if old is not None and old.get("subsets", []) == rendered:
            return
        present = rfc3339(self._world.clock.now())
        annotations = {"endpoints.kubernetes.io/last-change-trigger-time": present}
        if old is None:
            body: Json = {
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {"name": key[1], "namespace": key[0], "annotations": annotations},
            }
            if labels:
                body["metadata"]["labels"] = labels
            if rendered:
                body["subsets"] = rendered
            self._world.store.create(body)
            return

        def change(new: Json) -> None:
            new["metadata"]["annotations"] = annotations
            new.pop("subsets", None)
            if rendered:
                new["subsets"] = rendered

        self._world.store.edit("Endpoints", key, change)

    def _slices(self, service: Json, pods: list[Json]) -> None:
        store = self._world.store
        wanted: dict[Ports, list[Json]] = {}
        for pod in sorted(pods, key=lambda pod: str(pod["status"]["podIP"])):
            wanted.setdefault(target_ports(service, pod), []).append(_endpoint(service, pod))
        if not wanted:
            wanted[()] = []
        present = [
            item
            for item in store.owned(uid_of(service), "EndpointSlice")
            if labels_of(item).get("endpointslice.kubernetes.io/managed-by") == _MANAGER
        ]
        free = list(present)
        for ports, endpoints in sorted(wanted.items()):
            rendered = [_port(item, always_named=True) for item in ports]
            same = next((item for item in free if item.get("ports", []) == rendered), None)
            chosen = same or (free[0] if free else None)
            if chosen is None:
                store.create(self._slice(service, rendered, endpoints))
                continue
            free.remove(chosen)
            if chosen.get("endpoints") != endpoints or chosen.get("ports") != rendered:
                store.put(
                    {
                        **chosen,
                        "metadata": {
                            **chosen["metadata"],
                            "generation": chosen["metadata"].get("generation", 1) + 1,
                        },
                        "endpoints": endpoints,
                        "ports": rendered,
                    }
                )
        for item in free:
            self._world.registry.delete(BY_KIND["EndpointSlice"], *key_of(item))

    def _slice(self, service: Json, ports: list[Json], endpoints: list[Json]) -> Json:
        namespace, name = key_of(service)
        labels = {
            **labels_of(service),
            "endpointslice.kubernetes.io/managed-by": _MANAGER,
            "kubernetes.io/service-name": name,
        }
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{name}-{self._world.names.suffix()}",
                "generateName": f"{name}-",
                "namespace": namespace,
                "labels": labels,
                "ownerReferences": [owner_reference(service)],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports,
        }


def target_ports(service: Json, pod: Json) -> Ports:
    """Return (name, number, protocol, appProtocol) of the Service ports that the pod has.

    A named target port that no container of the pod declares is left out.
    """
    found = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        number = target if isinstance(target, int) else _named(pod, str(target), port)
        if number is not None:
            found.append(
                (
                    str(port.get("name", "")),
                    number,
                    str(port.get("protocol", "TCP")),
                    str(port.get("appProtocol", "")),
                )
            )
    return tuple(found)


def _named(pod: Json, name: str, port: Json) -> int | None:
    if name.isdigit():
        return int(name)
    for container in pod["spec"]["containers"]:
        for candidate in container.get("ports") or ():
            if candidate.get("name") == name and candidate.get("protocol", "TCP") == port.get(
                "protocol", "TCP"
            ):
                return int(candidate["containerPort"])
    return None


def _view(pod: Json) -> tuple[object, ...]:
    """Return what Endpoints depend on."""
    status = pod.get("status") or {}
    return (
        labels_of(pod),
        status.get("podIP"),
        is_true(pod, "Ready"),
        terminating(pod),
        finished(pod),
    )


def _reference(pod: Json) -> Json:
    meta = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }


def _address(pod: Json) -> Json:
    return {
        "ip": pod["status"]["podIP"],
        **_host(pod),
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": _reference(pod),
    }


def _host(pod: Json) -> Json:
    return {"hostname": pod["spec"]["hostname"]} if pod["spec"].get("hostname") else {}


def _endpoint(service: Json, pod: Json) -> Json:
    is_ready = is_true(pod, "Ready")
    publish = bool(service["spec"].get("publishNotReadyAddresses"))
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": publish or (is_ready and not terminating(pod)),
            "serving": is_ready,
            "terminating": terminating(pod),
        },
        **_host(pod),
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": _reference(pod),
    }


def _port(port: tuple[str, int, str, str], *, always_named: bool = False) -> Json:
    name, number, protocol, application = port
    rendered: Json = {"name": name} if name or always_named else {}
    rendered.update({"port": number, "protocol": protocol})
    if application:
        rendered["appProtocol"] = application
    return rendered
