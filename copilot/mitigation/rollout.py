"""Has a change of an object taken full effect?"""

from __future__ import annotations

from connectors.api.values import Json


def unfinished(body: Json) -> str:
    """Return what is still under way, as `kubectl rollout status` would, "" when nothing is."""
    kind, status = body.get("kind"), body.get("status") or {}
    name = f"{kind} {body['metadata']['name']}"
    if kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return ""
    if status.get("observedGeneration", 0) < body["metadata"].get("generation", 0):
        return f"the change of {name} has not been taken up yet"
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        total = wanted
    else:
        wanted = body["spec"].get("replicas", 1)
        updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
        ready = status.get("availableReplicas" if kind == "Deployment" else "readyReplicas", 0)
        if kind == "StatefulSet" and "updatedReplicas" not in status:
            same = status.get("currentRevision") == status.get("updateRevision")
            updated = total if same else 0
    if (updated, ready, total) == (wanted, wanted, wanted):
        return ""
    return f"the rollout of {name}: {updated} of {wanted} pods updated, {ready} available"
