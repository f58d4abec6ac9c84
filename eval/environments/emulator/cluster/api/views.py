"""Objects as other API versions show them, and back: each is stored in one shape only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api import autoscaler_views
from eval.environments.emulator.cluster.resources import BY_KIND, Resource

_EVENTS = (
    # stored, shown
    ("reportingComponent", "reportingController"),
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
)


def outward(resource: Resource, obj: Json) -> Json:
    """Return a stored object as this resource shows it."""
    if not resource.alias:
        return {**obj, "apiVersion": resource.api_version} if resource.custom else obj
    convert = _CONVERSIONS.get((resource.api_version, resource.kind))
    shown = dict(obj) if convert is None else dict(convert[0](obj))
    shown["apiVersion"] = resource.api_version
    return shown


def inward(resource: Resource, obj: Json) -> Json:
    """Return an object of this resource as it is stored."""
    if not resource.alias:
        return obj
    convert = _CONVERSIONS.get((resource.api_version, resource.kind))
    stored = dict(obj) if convert is None else dict(convert[1](obj))
    stored["apiVersion"] = BY_KIND[resource.kind].api_version
    return stored


def _event_out(obj: Json) -> Json:
    view = dict(obj)
    for stored, shown in _EVENTS:
        view[shown] = view.pop(stored, None)
    view["reportingController"] = view["reportingController"] or (obj.get("source") or {}).get(
        "component", ""
    )
    view["note"] = view["note"] or ""
    view.setdefault("eventTime", None)
    view.setdefault("reportingInstance", "")
    return view


def _event_in(obj: Json) -> Json:
    stored = dict(obj)
    for name, shown in _EVENTS:
        value = stored.pop(shown, None)
        if value is not None:
            stored[name] = value
    stored.setdefault("involvedObject", {})
    return stored


def _slice_out(obj: Json) -> Json:
    return {**obj, "endpoints": [_endpoint_out(item) for item in obj.get("endpoints") or ()]}


def _endpoint_out(endpoint: Json) -> Json:
    shown = dict(endpoint)
    topology = dict(shown.pop("deprecatedTopology", None) or {})
    if shown.get("nodeName"):
        topology["kubernetes.io/hostname"] = shown.pop("nodeName")
    if shown.get("zone"):
        topology["topology.kubernetes.io/zone"] = shown.pop("zone")
    return {**shown, "topology": topology} if topology else shown


def _slice_in(obj: Json) -> Json:
    return {**obj, "endpoints": [_endpoint_in(item) for item in obj.get("endpoints") or ()]}


def _endpoint_in(endpoint: Json) -> Json:
    stored = dict(endpoint)
    topology = dict(stored.pop("topology", None) or {})
    for name, label in (
        ("nodeName", "kubernetes.io/hostname"),
        ("zone", "topology.kubernetes.io/zone"),
    ):
        if label in topology:
            stored[name] = topology.pop(label)
    return {**stored, "deprecatedTopology": topology} if topology else stored


def _ingress_out(obj: Json) -> Json:
    spec = dict(obj.get("spec") or {})
    if "defaultBackend" in spec:
        spec["backend"] = _backend_out(spec.pop("defaultBackend"))
    return {**obj, "spec": _paths(spec, _backend_out)}


def _ingress_in(obj: Json) -> Json:
    spec = dict(obj.get("spec") or {})
    if "backend" in spec:
        spec["defaultBackend"] = _backend_in(spec.pop("backend"))
    return {**obj, "spec": _paths(spec, _backend_in)}


def _paths(spec: Json, convert: Callable[[Json], Json]) -> Json:
    rules = []
    for rule in spec.get("rules") or ():
        http = rule.get("http")
        if http:
            paths = [
                {
                    **path,
                    "pathType": path.get("pathType", "ImplementationSpecific"),
                    "backend": convert(path.get("backend") or {}),
                }
                for path in http.get("paths") or ()
            ]
            rule = {**rule, "http": {**http, "paths": paths}}
        rules.append(rule)
    return {**spec, "rules": rules} if rules else spec


def _backend_out(backend: Json) -> Json:
    service = backend.get("service")
    if not service:
        return backend
    port: Any = service.get("port") or {}
    return {"serviceName": service["name"], "servicePort": port.get("number") or port.get("name")}


def _backend_in(backend: Json) -> Json:
    if "serviceName" not in backend:
        return backend
    port = backend.get("servicePort")
    field = "number" if isinstance(port, int) else "name"
    return {"service": {"name": backend["serviceName"], "port": {field: port}}}


_EVENT = (_event_out, _event_in)
_INGRESS = (_ingress_out, _ingress_in)
_CONVERSIONS: dict[tuple[str, str], tuple[Callable[[Json], Json], Callable[[Json], Json]]] = {
    ("events.k8s.io/v1", "Event"): _EVENT,
    ("events.k8s.io/v1beta1", "Event"): _EVENT,
    ("networking.k8s.io/v1beta1", "Ingress"): _INGRESS,
    ("extensions/v1beta1", "Ingress"): _INGRESS,
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): (_slice_out, _slice_in),
    ("autoscaling/v1", "HorizontalPodAutoscaler"): (
        autoscaler_views.to_v1,
        autoscaler_views.from_v1,
    ),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): (
        autoscaler_views.to_beta1,
        autoscaler_views.from_beta1,
    ),
}
