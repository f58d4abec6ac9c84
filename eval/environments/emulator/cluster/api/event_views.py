"""Events as events.k8s.io/v1 shows them; they are stored as core/v1 shapes them."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.resources import Resource

_GROUP = "events.k8s.io"


def outward(resource: Resource, obj: Json) -> Json:
    """Return a stored object as this resource shows it."""
    if resource.group != _GROUP:
        return obj
    view: Json = {
        "kind": "Event",
        "apiVersion": resource.api_version,
        "metadata": obj["metadata"],
        "eventTime": obj.get("eventTime"),
        "reportingController": obj.get("reportingComponent")
        or (obj.get("source") or {}).get("component", ""),
        "reportingInstance": obj.get("reportingInstance", ""),
        "reason": obj.get("reason", ""),
        "regarding": obj.get("involvedObject", {}),
        "note": obj.get("message", ""),
        "type": obj.get("type", "Normal"),
        "deprecatedSource": obj.get("source", {}),
        "deprecatedFirstTimestamp": obj.get("firstTimestamp"),
        "deprecatedLastTimestamp": obj.get("lastTimestamp"),
        "deprecatedCount": obj.get("count", 1),
    }
    for field in ("series", "action", "related"):
        if obj.get(field):
            view[field] = obj[field]
    return view


def inward(resource: Resource, obj: Json) -> Json:
    """Return an object of this resource as it is stored."""
    if resource.group != _GROUP:
        return obj
    stored: Json = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": obj.get("metadata", {}),
        "involvedObject": obj.get("regarding", {}),
        "reason": obj.get("reason", ""),
        "message": obj.get("note", ""),
        "type": obj.get("type", "Normal"),
        "eventTime": obj.get("eventTime"),
        "source": obj.get("deprecatedSource", {}),
        "firstTimestamp": obj.get("deprecatedFirstTimestamp"),
        "lastTimestamp": obj.get("deprecatedLastTimestamp"),
        "reportingComponent": obj.get("reportingController", ""),
        "reportingInstance": obj.get("reportingInstance", ""),
    }
    for field in ("series", "action", "related"):
        if obj.get(field):
            stored[field] = obj[field]
    return stored
